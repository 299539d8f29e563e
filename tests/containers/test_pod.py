"""A Kubernetes Pod as CI systems make one: an init container brings the agent, the step's may do very little."""

from tests.containers.container import PASTED_LINE, pasted

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: build
spec:
  hostNetwork: true
  restartPolicy: Never
  initContainers:
    - name: seed
      image: {image}
      command: [cp, -a, /seed/., /addon/]
      volumeMounts:
        - {{name: seed, mountPath: /seed, readOnly: true}}
        - {{name: addon, mountPath: /addon}}
  containers:
    - name: step
      image: {image}
      command: [/addon/agent, run, --, sh, -c, "echo a step of $(id -u); exit 5"]
      securityContext:
        runAsUser: 12345
        readOnlyRootFilesystem: true
      volumeMounts:
        - {{name: addon, mountPath: /addon, readOnly: true}}
  volumes:
    - name: addon
      emptyDir: {{}}
    - name: seed
      hostPath: {{path: {addon}}}
"""
"""The host's network, for no other can be made on every machine; the PID namespace is the container's own."""


def test_a_step_of_a_pod(podman, addon, ssh):
    manifest = MANIFEST.format(image=podman.image("busybox"), addon=addon)
    with podman.pod(manifest, "build-step") as containers:
        step = containers["build-step"]
        way = pasted(step.wait_for(PASTED_LINE.pattern)[0])
        step.wait_for("^a step of 12345$")
        assert "podman exec -i -u 12345 " in way.options[1]
        done = ssh.run(way, "id -u; touch /x 2>/dev/null || echo read-only; agent status")
        assert done.stdout.startswith(b"12345\nread-only\nsession:")
        ssh.run(way, "agent resume")
        assert step.wait() == 5
