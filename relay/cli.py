"""The `relay` command: its arguments, its output and its exit codes."""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from relay.accounts import DEFAULT_TOKEN_PERMISSIONS, DEFAULT_USER_PERMISSIONS, Permission, join
from relay.config import DEFAULT_HTTP, OPTIONS, Config, make_config, read_file, state_directory
from relay.errors import RelayError, StartFailed, UsageError

if TYPE_CHECKING:
    from relay.client import Target

EXIT_FAILURE = 1
"""It could not be done."""

EXIT_USAGE = 2
"""It was not understood."""

_Groups: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001  (it has no public name)

Command = Callable[[Config, argparse.Namespace], Coroutine[object, object, None]]
"""Of a relay's own machine, with the relay's configuration."""

Request = Callable[["Target", argparse.Namespace], None]
"""To a running relay, from wherever."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    os.umask(0o077)  # what the relay makes, its database first, is its own
    arguments = _make_parser().parse_args(argv)
    run: Callable[[argparse.Namespace], None] = arguments.run
    try:
        run(arguments)
    except RelayError as error:
        _say(str(error))
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
    return 0


def _run_command(command: Command, arguments: argparse.Namespace) -> None:
    import asyncio  # noqa: PLC0415

    asyncio.run(command(_configure(arguments, os.environ), arguments))


def _run_request(request: Request, arguments: argparse.Namespace) -> None:
    from relay.client import Target  # noqa: PLC0415

    request(Target.make(vars(arguments), os.environ), arguments)


def _configure(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Config:
    options = {name: value for name, value in vars(arguments).items() if name in OPTIONS and value}
    file = read_file(arguments.config) if arguments.config else {}
    config = make_config(options, environment, file)
    _make_state_directory(state_directory(environment), config)
    return config


def _make_state_directory(path: str, config: Config) -> None:
    """Make the directory of the relay's own files, if any of them is to be there."""
    if path not in config.host_key and path not in config.database:
        return
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartFailed(
            f"state directory {path}: {error.strerror} (XDG_STATE_HOME names another)"
        ) from error


async def _serve(config: Config, arguments: argparse.Namespace) -> None:
    from relay.serve import serve  # noqa: PLC0415  (each command loads what it needs)

    await serve(config, arguments.ready_fd, _say)


async def _add_account(config: Config, arguments: argparse.Namespace) -> None:
    from relay import admin  # noqa: PLC0415

    await admin.add_account(config.database, arguments.name)


async def _add_user(config: Config, arguments: argparse.Namespace) -> None:
    from relay import admin  # noqa: PLC0415

    await admin.add_user(config.database, arguments.account, arguments.login, frozenset(arguments.permission))


async def _create_token(config: Config, arguments: argparse.Namespace) -> None:
    from relay import admin  # noqa: PLC0415

    lifetime = None if arguments.expires is None else admin.parse_lifetime(arguments.expires)
    token, record = await admin.create_token(
        config.database, arguments.account, arguments.user, frozenset(arguments.permission), lifetime
    )
    sys.stdout.write(token + "\n")
    _say(f"token {record.id} allows {join(record.permissions)}; it is not shown again")


async def _list_tokens(config: Config, _arguments: argparse.Namespace) -> None:
    from relay import admin  # noqa: PLC0415

    sys.stdout.write(await admin.list_tokens(config.database))


async def _revoke_token(config: Config, arguments: argparse.Namespace) -> None:
    from relay import admin  # noqa: PLC0415

    await admin.revoke_token(config.database, arguments.id)


def _list_sessions(target: "Target", arguments: argparse.Namespace) -> None:
    from relay import client  # noqa: PLC0415

    sys.stdout.write(client.list_sessions(target, arguments.build))


def _enable_session(target: "Target", arguments: argparse.Namespace) -> None:
    from relay import client  # noqa: PLC0415

    ssh = client.enable_session(target, arguments.id)
    _say(f"session {arguments.id} is open" + ("; put your token in place of TOKEN:" if ssh else ""))
    if ssh:
        sys.stdout.write(ssh + "\n")


def _abort_session(target: "Target", arguments: argparse.Namespace) -> None:
    from relay import client  # noqa: PLC0415

    client.abort_session(target, arguments.id)
    _say(f"session {arguments.id} is told to end")


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        _say(f"{message}; see '{self.prog} --help'")
        self.exit(EXIT_USAGE)


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="relay",
        description="Routes ssh logins to the agents of held build steps.",
        epilog="Options of 'serve', and --database, are also read from the environment, as "
        'HOLDFAST_RELAY_PUBLIC_SSH, or from the file that --config names, as public_ssh = "HOST:PORT".',
    )
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(groups)
    account = _group(groups, "account", "the accounts that sessions belong to")
    add = _command(account, "add", "add an account", _add_account)
    add.add_argument("name", metavar="NAME")

    user = _group(groups, "user", "the users of an account")
    add = _command(user, "add", "add a user to an account", _add_user)
    add.add_argument("login", metavar="LOGIN")
    _add_account_option(add)
    _add_permission_option(add, "the most that the user's tokens may allow", DEFAULT_USER_PERMISSIONS)

    token = _group(groups, "token", "the tokens of users: for ssh, and for agents")
    create = _command(token, "create", "make a token and print it, once", _create_token)
    _add_account_option(create)
    create.add_argument("--user", metavar="LOGIN", required=True, help="the user whose token it is")
    _add_permission_option(create, "what the token allows", DEFAULT_TOKEN_PERMISSIONS)
    create.add_argument("--expires", metavar="DURATION", help="30d, 12h, 1h30m; without: never")
    _command(token, "list", "show all tokens, without the tokens themselves", _list_tokens)
    revoke = _command(token, "revoke", "make a token invalid", _revoke_token)
    revoke.add_argument("id", metavar="ID", type=int, help="its number, as 'relay token list' shows it")

    session = _group(groups, "session", "the sessions of a running relay, as a token's account has them")
    shown = _request(session, "list", "show the sessions", _list_sessions)
    shown.add_argument("--build", metavar="ID", help="those of one build only")
    enable = _request(session, "enable", "open a session although its step still runs", _enable_session)
    _add_session_argument(enable)
    abort = _request(session, "abort", "end a session, and its step if that still runs", _abort_session)
    _add_session_argument(abort)
    return parser


def _add_serve(groups: _Groups) -> None:
    serve = _command(groups, "serve", "run the relay until SIGTERM or SIGINT", _serve)
    serve.add_argument("--http", metavar="HOST:PORT", help="where agents dial in; default 127.0.0.1:8080")
    serve.add_argument("--ssh", metavar="HOST:PORT", help="where users log in; default 127.0.0.1:2222")
    serve.add_argument(
        "--public-ssh",
        metavar="HOST:PORT",
        help="what agents print in their ssh line; default: the host they dialled, and the SSH port",
    )
    serve.add_argument(
        "--host-key", metavar="FILE", help="the SSH host key, made if missing; default: beside the database"
    )
    serve.add_argument("--tls-cert", metavar="FILE", help="certificate chain (PEM): agents dial wss://")
    serve.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    serve.add_argument(
        "--ready-fd",
        metavar="N",
        type=int,
        help="once connections are taken, write JSON (http_port, ssh_port, host_key) to this descriptor",
    )


def _group(groups: _Groups, name: str, text: str) -> _Groups:
    parser = groups.add_parser(name, help=text, description=_sentence(text))
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _command(groups: _Groups, name: str, text: str, command: Command) -> _Parser:
    parser = _leaf(groups, name, text)
    parser.add_argument("--config", metavar="FILE", help="a relay.toml")
    parser.add_argument(
        "--database", metavar="URL", help="default: sqlite:////…/relay.db under $XDG_STATE_HOME/holdfast"
    )
    parser.set_defaults(run=partial(_run_command, command))
    return parser


def _request(groups: _Groups, name: str, text: str, request: Request) -> _Parser:
    parser = _leaf(groups, name, text)
    parser.add_argument(
        "--relay", metavar="URL", help=f"or HOLDFAST_RELAY; default: ws://{DEFAULT_HTTP}, on this machine"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="holds a token with permission execute; or HOLDFAST_TOKEN itself"
    )
    parser.add_argument("--ca-file", metavar="FILE", help="CAs that are trusted; or HOLDFAST_CA_FILE")
    parser.set_defaults(run=partial(_run_request, request))
    return parser


def _leaf(groups: _Groups, name: str, text: str) -> _Parser:
    return groups.add_parser(name, help=text, description=_sentence(text))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_session_argument(parser: _Parser) -> None:
    parser.add_argument("id", metavar="ID", help="its id, as 'relay session list' shows it")


def _add_account_option(parser: _Parser) -> None:
    parser.add_argument("--account", metavar="NAME", required=True, help="the account of the user")


def _add_permission_option(parser: _Parser, text: str, default: frozenset[Permission]) -> None:
    parser.add_argument(
        "--permission",
        action="append",
        default=[],
        type=_permission,
        metavar="PERMISSION",
        help=f"{text}: {join(Permission)}; may be repeated; default: {join(default)}",
    )


def _permission(text: str) -> Permission:
    try:
        return Permission(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {join(Permission)}") from None


def _say(line: str) -> None:
    sys.stderr.write(f"relay: {line}\n")
    sys.stderr.flush()
