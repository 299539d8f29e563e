#!/bin/sh
# Run a step in a container under the Holdfast agent; without one, plainly.
#
#   docker.sh [OPTION OF DOCKER RUN...] -- IMAGE COMMAND [ARG...]
#
# HOLDFAST_ADDON names the directory with the agent on Docker's host (/addon); it is mounted read-only.
# The CI's own variables, and ours that name no file of the host, are passed on as they are.
set -u

before=0
for word; do
    [ "$word" != -- ] || break
    before=$((before + 1))
done
command=$(($# - before - 2))
if [ "$command" -lt 1 ]; then
    echo "holdfast: docker.sh [OPTION OF DOCKER RUN...] -- IMAGE COMMAND [ARG...]" >&2
    exit 2
fi

# The words are put in docker's order by moving them to the end, one by one: blanks in them stay as they are.
while [ "$before" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    before=$((before - 1))
done
image=$2
shift 2

for name in \
    CI BUILDKITE CIRCLECI DRONE GITHUB_ACTIONS GITLAB_CI JENKINS_URL TF_BUILD \
    BUILDKITE_BUILD_NUMBER BUILDKITE_BUILD_URL BUILDKITE_JOB_ID BUILDKITE_LABEL BUILDKITE_ORGANIZATION_SLUG \
    BUILDKITE_PARALLEL_JOB BUILDKITE_PARALLEL_JOB_COUNT BUILDKITE_PIPELINE_SLUG BUILDKITE_STEP_KEY \
    BUILD_BUILDID BUILD_NUMBER BUILD_URL CIRCLE_BUILD_NUM CIRCLE_BUILD_URL CIRCLE_JOB CIRCLE_NODE_INDEX \
    CIRCLE_NODE_TOTAL CIRCLE_PROJECT_REPONAME CIRCLE_PROJECT_USERNAME CIRCLE_WORKFLOW_ID CI_BUILD_LINK \
    CI_DEBUG_TRACE CI_JOB_NAME CI_JOB_URL CI_NODE_INDEX CI_NODE_TOTAL CI_PIPELINE_ID CI_PIPELINE_NUMBER \
    CI_PIPELINE_URL CI_PROJECT_ROOT_NAMESPACE CI_REMOTE_DEBUG CI_REPO CI_REPO_OWNER CI_STEP_NAME CI_STEP_URL \
    DRONE_BUILD_DEBUG DRONE_BUILD_LINK DRONE_BUILD_NUMBER DRONE_REPO DRONE_REPO_NAMESPACE DRONE_REPO_OWNER \
    DRONE_STEP_NAME GITHUB_JOB GITHUB_REPOSITORY GITHUB_REPOSITORY_OWNER GITHUB_RUN_ID GITHUB_SERVER_URL \
    HARNESS_ACCOUNT_ID HARNESS_BUILD_ID HARNESS_NODE_INDEX HARNESS_NODE_TOTAL HARNESS_PIPELINE_ID \
    HARNESS_STAGE_ID HARNESS_STEP_ID JOB_NAME RUNNER_DEBUG STAGE_NAME SYSTEM_COLLECTIONURI SYSTEM_DEBUG \
    SYSTEM_JOBDISPLAYNAME SYSTEM_JOBPOSITIONINPHASE SYSTEM_TASKDISPLAYNAME SYSTEM_TEAMPROJECT \
    SYSTEM_TOTALJOBSINPHASE; do
    set -- "$@" --env "$name"
done

# Whether the agent starts in this image is decided before the step, so that nothing can ever run it twice.
addon=${HOLDFAST_ADDON:-/addon}
if docker run --rm --network none --volume "$addon:/addon:ro" --entrypoint /addon/agent "$image" --version \
    </dev/null >/dev/null 2>&1; then
    for name in ACCOUNT BUILD CONNECT_TIMEOUT DEBUG DEPLOY FIRST_LOGIN HEARTBEAT IDLE LINGER LISTEN MAX_TIMEOUT \
        NODE RELAY STANDBY STEP STEP_TIMEOUT TIMEOUT TOKEN URL WHEN; do
        set -- "$@" --env "HOLDFAST_$name"
    done
    set -- "$@" --volume "$addon:/addon:ro" "$image" /addon/agent run --
else
    echo "holdfast: $addon/agent does not start in $image: the step runs without it" >&2
    set -- "$@" "$image"
fi
while [ "$command" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    command=$((command - 1))
done
exec docker run --rm --interactive "$@"
