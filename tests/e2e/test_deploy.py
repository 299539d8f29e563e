"""A step that deploys asks the relay whether this build is debugged."""

DEPLOYS = ("--deploy", "--step", "ship it", "--", "sh", "-c", "echo shipped")
SKIPPED = "holdfast: step 'ship it' deploys, and debugging was asked for in this build: skipped\n"


def test_a_held_step_of_the_same_build_stops_it(agent, relay):
    ours, others = (["--build", name, *relay.agent_options()] for name in ("build 7&x", "build 8"))
    held = agent([*ours, "--", "sh", "-c", "exit 3"])
    held.way(relay)
    skipped = agent([*ours, *DEPLOYS])
    assert skipped.wait() == 0
    assert skipped.log == SKIPPED
    assert agent_log(agent, [*others, *DEPLOYS]) == "shipped\n"
    held.program.signal(15)
    assert held.wait() == 3
    assert agent_log(agent, [*ours, *DEPLOYS]) == "shipped\n"


def agent_log(agent, words, **options):
    run = agent(words, **options)
    assert run.wait() == 0
    return run.log


def test_without_a_build_there_is_nothing_to_ask(agent, relay):
    assert agent_log(agent, [*relay.agent_options(), *DEPLOYS]) == "shipped\n"


def test_a_relay_that_does_not_answer_stops_nothing(agent, relay):
    log = agent_log(
        agent,
        ["--relay", "ws://127.0.0.1:1", "--token-file", relay.agent_token_file, "--build", "7", *DEPLOYS],
    )
    said, *rest = log.splitlines()
    assert said.startswith("holdfast: relay: cannot say whether this build is debugged (")
    assert rest == ["shipped"]


def test_an_unknown_token_stops_nothing(agent, relay):
    log = agent_log(
        agent, ["--relay", relay.url, "--build", "7", *DEPLOYS], env={"HOLDFAST_TOKEN": "hf_unknown"}
    )
    assert "cannot say whether this build is debugged (it answers 401)" in log
    assert log.endswith("shipped\n")
