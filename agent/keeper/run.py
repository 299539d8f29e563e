"""What the runner starts: whether there is to be a keeper at all, or we become the step."""

from agent.config import SECRETS, read
from agent.errors import KernelError
from agent.keeper import deploy, running, secrets, signals, verdict
from agent.keeper.keeper import Keeper
from agent.output import say


def main(arguments: list[str]) -> int:
    """Run the step as `arguments` say; UsageError for a bad word.

    Returns only where this process should have become the step and could not, with 126 or 127, or where the step
    is a deployment that must not happen, with 0.
    """
    arrived = signals.take_over()
    config = read(arguments, secrets.arrived())
    secrets.wipe(SECRETS)
    if why := deploy.reason_to_skip(config):
        say(why)
        return 0
    if config.when == "never":
        return running.become(config, arrived)
    try:
        keeper = Keeper(config, arrived)
    except KernelError as error:
        say(f"no session can open here: {error}")
        return running.become(config, arrived)
    return verdict.leave(keeper.run())
