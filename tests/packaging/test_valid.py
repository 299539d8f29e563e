"""What cannot be run here is at least valid: schemas, linters, and what systemd and cloud-init themselves say."""

import importlib
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from relay.config import OPTIONS, make_config, read_file

PACKAGING = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging"
)
UNIT = os.path.join(PACKAGING, "systemd", "holdfast-relay.service")
MOST_EXPOSED = 1.5
"""Of 10, by systemd's own count; what is left is the network, which is the relay's work."""


def check(*words, **environment):
    """Run a checker: its exit code, and all that it said."""
    own = os.path.join(os.path.dirname(sys.executable), words[0])
    command = own if os.path.exists(own) else shutil.which(words[0])
    if command is None:
        lack = f"{words[0]} is missing (packaging/debian.sh recipes)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lack)
    done = subprocess.run(
        [command, *words[1:]],
        cwd=PACKAGING,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def check_here(capsys, monkeypatch):
    """Run a checker as `check` does, but in our own process: what it imports takes much longer than its work."""
    monkeypatch.chdir(PACKAGING)

    def run(module, *words):
        monkeypatch.setattr(sys, "argv", [module, *words])
        with pytest.raises(SystemExit) as ended:
            sys.exit(importlib.import_module(module).main())
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def spoiled(tmp_path, name, old, new):
    """Return the path of a copy with a mistake in it."""
    with open(os.path.join(PACKAGING, name), encoding="utf-8") as file:
        text = file.read()
    assert old in text
    path = tmp_path / os.path.basename(name)
    path.write_text(text.replace(old, new))
    return str(path)


# Dockerfiles


@pytest.mark.parametrize("name", ["agent.Dockerfile", "relay.Dockerfile"])
def test_dockerfiles(name):
    assert check("hadolint", name) == (0, "")


def test_the_linter_sees_a_mistake(tmp_path):
    path = spoiled(tmp_path, "agent.Dockerfile", '["/agent", "install", "/addon"]', "/agent install /addon")
    code, said = check("hadolint", path)
    assert code == 1
    assert "DL3025" in said


# Schemas

SCHEMAS = {
    "compose.yaml": "compose-spec",
    "wrappers/buildkite.yml": "buildkite",
    "wrappers/circleci.yml": "circle-ci",
    "wrappers/drone.yml": "drone-ci",
    "wrappers/github-actions.yml": "github-workflows",
    "wrappers/gitlab-ci.yml": "gitlab-ci",
    "wrappers/woodpecker.yml": "woodpecker-ci",
}
MISTAKES = {
    "compose.yaml": ("read_only: true", "read-only: true"),
    "wrappers/circleci.yml": ("no_output_timeout: 10m", "no_output_timeout: [10m]"),
    "wrappers/drone.yml": ("kind: pipeline", "kind: pipelines"),
    "wrappers/github-actions.yml": ("runs-on:", "runs_on:"),
    "wrappers/gitlab-ci.yml": ("stage: test", "stage: {test: 1}"),
}
"""Of each schema that is strict enough for one."""


@pytest.fixture
def check_schema(check_here):
    def run(name, path):
        transform = ("--data-transform", "gitlab-ci") if SCHEMAS[name] == "gitlab-ci" else ()
        schema = ("--builtin-schema", f"vendor.{SCHEMAS[name]}")
        return check_here("check_jsonschema", *transform, *schema, path)

    return run


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas(check_schema, name):
    assert check_schema(name, name) == (0, "ok -- validation done\n")


@pytest.mark.parametrize("name", MISTAKES)
def test_schemas_see_a_mistake(check_schema, name, tmp_path):
    code, said = check_schema(name, spoiled(tmp_path, name, *MISTAKES[name]))
    assert code == 1
    assert said.startswith("Schema validation errors were encountered.\n")


# Kubernetes

MANIFESTS = {
    "kubernetes/relay.yaml": [
        *(
            "PersistentVolumeClaim",
            "Deployment",
            "Service",
            "Service",
            "NetworkPolicy",
            "PodDisruptionBudget",
        ),
    ],
    "wrappers/kubernetes.yaml": ["Pod"],
}


def documents(name):
    with open(os.path.join(PACKAGING, name), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(check_here, name):
    code, said = check_here("kubernetes_validate.__main__", "--strict", name)
    assert code == 0, said
    assert said.count(" passed for resource ") == len(MANIFESTS[name])
    assert [document["kind"] for document in documents(name)] == MANIFESTS[name]


def test_the_validator_sees_a_mistake(check_here, tmp_path):
    path = spoiled(tmp_path, "kubernetes/relay.yaml", "maxUnavailable:", "maxUnavailables:")
    code, said = check_here("kubernetes_validate.__main__", "--strict", path)
    assert code == 1, said
    assert "'maxUnavailables' was unexpected" in said


def test_the_relay_s_objects_belong_together():
    """Names, labels and ports that a schema knows nothing of."""
    claim, deployment, *services, policy, budget = documents("kubernetes/relay.yaml")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        *(service["spec"]["selector"] for service in services),
        policy["spec"]["podSelector"]["matchLabels"],
        budget["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    (container,) = template["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for service in services for port in service["spec"]["ports"]} == ports
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == ports
    (volume,) = template["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"]]


# systemd


def test_what_the_unit_may_do():
    code, said = check("systemd-analyze", "security", "--offline=yes", "--no-pager", UNIT)
    assert code == 0, said
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+) ", said)
    assert float(exposure[1]) <= MOST_EXPOSED, said


def verify(tmp_path, path):
    """Have systemd read a unit whose program and configuration are where it says, below a directory of ours."""
    relay = os.path.join(os.path.dirname(sys.executable), "relay")
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("/opt/holdfast/bin/relay", relay)
    assert f"ExecStart={relay} serve" in text
    unit = tmp_path / "verified" / "holdfast-relay.service"
    unit.parent.mkdir()
    unit.write_text(text)
    return check("systemd-analyze", "verify", "--man=no", str(unit))


def test_the_unit(tmp_path):
    assert verify(tmp_path, UNIT) == (0, "")


def test_systemd_sees_a_mistake(tmp_path):
    path = spoiled(
        tmp_path, "systemd/holdfast-relay.service", "ProtectSystem=strict", "ProtectSystems=strict"
    )
    _, said = verify(tmp_path, path)
    assert "Unknown key 'ProtectSystems'" in said


def test_the_unit_s_configuration():
    """The relay takes it, with what is a remark in it as well."""
    path = os.path.join(PACKAGING, "systemd", "relay.toml")
    config = make_config({}, {}, read_file(path))
    assert (str(config.http), str(config.ssh)) == ("127.0.0.1:8080", "0.0.0.0:2222")
    with open(path, encoding="utf-8") as file:
        keys = re.findall(r"^(?:# )?(\w+) = ", file.read(), re.MULTILINE)
    assert sorted(keys) == sorted(OPTIONS)


# cloud-init


def test_cloud_init():
    code, said = check("cloud-init", "schema", "--config-file", "cloud-init.yaml")
    assert code == 0, said
    assert "Valid cloud-config" in said


def test_cloud_init_sees_a_mistake(tmp_path):
    path = spoiled(tmp_path, "cloud-init.yaml", "package_update: true", "package_update: sometimes")
    code, said = check("cloud-init", "schema", "--config-file", path)
    assert code == 1
    assert "package_update" in said


def test_cloud_init_does_what_the_unit_says():
    """Both files tell the same installation; one is a remark, the other is run."""
    with open(UNIT, encoding="utf-8") as file:
        told = [line[1:].strip() for line in file if line.startswith("#   ")]
    with open(os.path.join(PACKAGING, "cloud-init.yaml"), encoding="utf-8") as file:
        config = yaml.safe_load(file)
    source = "/usr/local/src/holdfast"
    run = [" ".join(words).replace(f"{source}/", "") for words in config["runcmd"]]
    run = [line.replace(source, ".") for line in run]
    for line in told:
        if line.startswith(("python3 ", "/opt/", "install ", "systemctl ")):
            assert line in run, line
    (user,) = (user for user in config["users"] if user != "default")
    assert f"useradd --system --home-dir {user['homedir']} --shell {user['shell']} {user['name']}" in told
