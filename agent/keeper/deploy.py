"""Whether a step that deploys is skipped: what somebody is still looking into must not go out."""

from agent.config import Config


def reason_to_skip(config: Config) -> str | None:
    """Return the log line of a step that is skipped, or None where it runs.

    Plain `--when failure` is no reason: it stands in a pipeline for ever.
    """
    if not (config.deploy and config.debugging_asked):
        return None
    what = f"step {config.step!r} deploys" if config.step else "this step deploys"
    return f"{what}, and debugging was asked for in this build: skipped"
