"""The terminal modes of an SSH client (RFC 4254 §8), carried over to a PTY."""

import termios
from collections.abc import Mapping

_CHARACTERS = {
    1: termios.VINTR,
    2: termios.VQUIT,
    3: termios.VERASE,
    4: termios.VKILL,
    5: termios.VEOF,
    6: termios.VEOL,
    7: termios.VEOL2,
    8: termios.VSTART,
    9: termios.VSTOP,
    10: termios.VSUSP,
    12: termios.VREPRINT,
    13: termios.VWERASE,
    14: termios.VLNEXT,
}
_INPUT, _OUTPUT, _LOCAL = 0, 1, 3
"""Places of the flag words in the list of `tcgetattr`. Control flags are the PTY's own: it has no wire."""

_IUTF8 = 0o40000
"""Linux' flag by which erasing removes a whole UTF-8 character; `termios` has no name for it."""

_FLAGS = {
    30: (_INPUT, termios.IGNPAR),
    31: (_INPUT, termios.PARMRK),
    32: (_INPUT, termios.INPCK),
    33: (_INPUT, termios.ISTRIP),
    34: (_INPUT, termios.INLCR),
    35: (_INPUT, termios.IGNCR),
    36: (_INPUT, termios.ICRNL),
    38: (_INPUT, termios.IXON),
    39: (_INPUT, termios.IXANY),
    40: (_INPUT, termios.IXOFF),
    41: (_INPUT, termios.IMAXBEL),
    42: (_INPUT, _IUTF8),
    50: (_LOCAL, termios.ISIG),
    51: (_LOCAL, termios.ICANON),
    53: (_LOCAL, termios.ECHO),
    54: (_LOCAL, termios.ECHOE),
    55: (_LOCAL, termios.ECHOK),
    56: (_LOCAL, termios.ECHONL),
    57: (_LOCAL, termios.NOFLSH),
    58: (_LOCAL, termios.TOSTOP),
    59: (_LOCAL, termios.IEXTEN),
    60: (_LOCAL, termios.ECHOCTL),
    61: (_LOCAL, termios.ECHOKE),
    62: (_LOCAL, termios.PENDIN),
    70: (_OUTPUT, termios.OPOST),
    72: (_OUTPUT, termios.ONLCR),
    73: (_OUTPUT, termios.OCRNL),
    74: (_OUTPUT, termios.ONOCR),
    75: (_OUTPUT, termios.ONLRET),
}

_DISABLED = 255
"""A character that is switched off, in SSH; in Linux it is 0."""


def apply(fd: int, wanted: Mapping[int, int]) -> None:
    """Set the modes that the client sent, opcode to value; unknown ones are left. Raises termios.error."""
    if not wanted:
        return
    attributes = termios.tcgetattr(fd)
    for opcode, value in wanted.items():
        if opcode in _CHARACTERS:
            attributes[6][_CHARACTERS[opcode]] = bytes((0 if value >= _DISABLED else value,))
        elif opcode in _FLAGS:
            word, flag = _FLAGS[opcode]
            attributes[word] = attributes[word] | flag if value else attributes[word] & ~flag
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
