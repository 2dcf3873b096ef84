"""Keys in the kitty keyboard protocol (`CSI 13;2u`) and xterm's modifyOtherKeys (`CSI 27;2;13~`).

In: an escape sequence. Out: what a terminal without these protocols sends for the key: a character, a control
character, the same after an escape (Alt), or a sequence; "" for keys that it has none for. Shift+Enter becomes
Alt+Enter. Numbers are from the protocol: https://sw.kovidgoyal.net/kitty/keyboard-protocol/.
"""

from __future__ import annotations

import re

_KITTY = re.compile(r"\x1b\[(\d+)(?::(\d*)(?::\d*)?)?(?:;(\d*)(?::(\d*))?)?(?:;[\d:]*)?u")
_XTERM = re.compile(r"\x1b\[27;(\d+);(\d+)~")
_MODIFIED = re.compile(r"\x1b\[(\d+);(\d+)(?::(\d+))?([A-HPQRS~])")
_SHIFT, _ALT, _CONTROL, _LOCKS = 1, 2, 4, 64 | 128
_OTHERS = 8 | 16 | 32  # super, hyper, meta
_RELEASE = "3"  # the event of a key that is let go
_ENTER, _TAB, _ESCAPE, _SPACE, _BACKSPACE = 13, 9, 27, 32, 127
_KEYPAD = {
    **{57399 + digit: str(digit) for digit in range(10)},
    57409: ".", 57410: "/", 57411: "*", 57412: "-", 57413: "+", 57414: "\r", 57415: "=", 57416: ",",
    57417: "\x1b[D", 57418: "\x1b[C", 57419: "\x1b[A", 57420: "\x1b[B", 57421: "\x1b[5~", 57422: "\x1b[6~",
    57423: "\x1b[H", 57424: "\x1b[F", 57425: "\x1b[2~", 57426: "\x1b[3~",
}  # fmt: skip
_PRIVATE = range(57344, 63744)  # keys without a character, by the protocol
_AS_CONTROL = {"2": "\0", "3": "\x1b", "4": "\x1c", "5": "\x1d", "6": "\x1e", "7": "\x1f", "8": "\x7f",
               "/": "\x1f", "?": "\x7f", " ": "\0"}  # fmt: skip


def plain(sequence: str) -> str:
    """The same key without the protocols; other sequences unchanged, without the state of the lock keys."""
    if found := _KITTY.fullmatch(sequence):
        code, shifted, modifiers, event = found.groups()
        if event == _RELEASE:
            return ""
        return _key(int(code), int(modifiers or 1) - 1, int(shifted) if shifted else 0)
    if found := _XTERM.fullmatch(sequence):
        return _key(int(found[2]), int(found[1]) - 1, 0)
    if found := _MODIFIED.fullmatch(sequence):
        number, modifiers, event, end = found.groups()
        if event == _RELEASE:
            return ""
        held = (int(modifiers) - 1) & ~_LOCKS
        if held or end == "R":  # a report of the cursor's position ends like F3
            return sequence if end == "R" else f"\x1b[{number};{held + 1}{end}"
        return f"\x1b[{number}~" if end == "~" else f"\x1b[{end}"
    return sequence


def _key(code: int, modifiers: int, shifted: int) -> str:
    if modifiers & _OTHERS:
        return ""
    shift, alt, control = (bool(modifiers & bit) for bit in (_SHIFT, _ALT, _CONTROL))
    if code in (_ENTER, 57414):
        return "\x1b\r" if shift or alt or control else "\r"
    if code == _TAB:
        return "" if alt or control else "\x1b[Z" if shift else "\t"
    if code == _ESCAPE:
        return "\x1b"
    if code == _BACKSPACE:
        return "\x17" if control else "\x1b\x7f" if alt else "\x7f"
    if (key := _KEYPAD.get(code)) is None:
        if code in _PRIVATE or code < _SPACE or code > 0x10FFFF or 0x7F <= code < 0xA0:
            return ""
        key = chr(shifted) if shift and shifted else chr(code)
        if shift and not shifted:
            key = key.upper()
    if control and len(key) == 1:
        key = _AS_CONTROL.get(key, chr(ord(key) & 0x1F) if "@" <= key <= "~" else "")
    return f"\x1b{key}" if alt and len(key) == 1 else key
