"""A relay that is killed and comes back: the same ssh command leads to the same shell, with its scrollback."""

import os
import signal

from examples.loopback import relay as fresh_relay
from examples.programs import installed, running


def test_a_relay_that_was_killed_and_comes_back(agent, ssh) -> None:
    with fresh_relay() as relay:
        build = agent([*relay.agent_options(), "--", "false"])
        way = build.way(relay)
        with ssh.shell(way) as shell:
            assert shell.run("KEPT=unexported; echo first")[0] == 0
            relay.program.signal(signal.SIGKILL)
            assert shell.wait() == 255
        build.wait_for("was lost")

        same_state = os.environ | {"XDG_STATE_HOME": os.path.dirname(relay.agent_token_file)}
        same_ports = ("--http", f"127.0.0.1:{relay.http_port}", "--ssh", f"127.0.0.1:{relay.ssh_port}")
        with running([installed("relay"), "serve", *same_ports], env=same_state):
            build.wait_for("is back")
            with ssh.shell(way) as shell:
                code, output = shell.run("echo $KEPT")
                assert code == 0
                assert "unexported" in output
                # The scrollback came before the first prompt that this login waited for, or right after it.
                assert "first" in output + str(shell.terminal.before)
                assert shell.leave() == 0
            assert ssh.run(way, "agent resume --pass").returncode == 0
            assert build.wait() == 0
