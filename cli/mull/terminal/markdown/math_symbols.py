"""Tables for mathematics as Unicode text: scripts, alphabets, and the macros that pylatexenc has no text for."""

from __future__ import annotations

SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ′",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ′",
        strict=True,
    )
)
SUBSCRIPTS = dict(
    zip("0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)
)

DROPPED = frozenset({
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl", "Biggr",
    "displaystyle", "textstyle", "limits", "nolimits", "nonumber", "notag", "quad", "qquad", ",", ";", ":", "!", " ",
})  # fmt: skip
"""Spaces and sizes, which text does not have."""

TEXTS = (
    "text",
    "textrm",
    "mathrm",
    "operatorname",
    "textnormal",
    "mathsf",
    "mathtt",
    "mathit",
    "textit",
    "mbox",
)

ALPHABETS = {
    "mathbb": ("DOUBLE-STRUCK", "MATHEMATICAL DOUBLE-STRUCK"),
    "mathcal": ("SCRIPT", "MATHEMATICAL SCRIPT"),
    "mathscr": ("SCRIPT", "MATHEMATICAL SCRIPT"),
    "mathfrak": ("BLACK-LETTER", "MATHEMATICAL FRAKTUR"),
    "mathbf": ("MATHEMATICAL BOLD",),
    "boldsymbol": ("MATHEMATICAL BOLD",),
    "bm": ("MATHEMATICAL BOLD",),
    "textbf": ("MATHEMATICAL BOLD",),
}

ACCENTS = {
    "hat": ("\u0302", False),
    "widehat": ("\u0302", False),
    "bar": ("\u0304", False),
    "overline": ("\u0305", True),
    "underline": ("\u0332", True),
    "tilde": ("\u0303", False),
    "widetilde": ("\u0303", False),
    "vec": ("\u20d7", False),
    "dot": ("\u0307", False),
    "ddot": ("\u0308", False),
}
"""The combining character, and whether it may stand over each of several letters."""

ROWS = frozenset({"align", "aligned", "gather", "gathered", "split", "equation", "multline", "alignat"})
BRACKETS = {
    "matrix": ("", ""),
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
    "smallmatrix": ("", ""),
    "cases": ("{ ", ""),
}

SIGNS = {"~": " ", "''": "″", "``": "“", "--": "--", "---": "---"}

NAMES = {
    "%": "%", "$": "$", "&": "&", "#": "#", "_": "_", "{": "{", "}": "}",
    "iff": "⟺", "implies": "⟹", "impliedby": "⟸", "land": "∧", "lor": "∨", "lnot": "¬", "Re": "Re", "Im": "Im",
    "lvert": "|", "rvert": "|", "vert": "|", "|": "‖", "degree": "°", "bmod": "mod", "mod": "mod", "det": "det",
    "gcd": "gcd", "Pr": "Pr", "arg": "arg", "argmin": "argmin", "argmax": "argmax", "middle": "", "lbrace": "{",
    "rbrace": "}", "colon": ":", "coloneqq": "≔", "dagger": "†", "square": "□", "blacksquare": "■", "complement": "∁",
    "sum": "∑", "prod": "∏", "int": "∫", "oint": "∮", "prime": "′", "quad": "  ",
    "lim": "lim", "limsup": "lim sup", "liminf": "lim inf", "sup": "sup", "inf": "inf", "tan": "tan", "cot": "cot",
    "sec": "sec", "csc": "csc", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsin": "arcsin", "ln": "ln",
    "arccos": "arccos", "arctan": "arctan", "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "max": "max",
    "min": "min", "dim": "dim", "ker": "ker", "deg": "deg",
}  # fmt: skip

RELATIONS = frozenset("≤≥≠≈≡≅∼≃∝∈∉∋⊂⊃⊆⊇→←↔↦⇒⇐⇔⟹⟸⟺≪≫≔⊢⊨⟶⟵⟼∣∧∨∪∩±∓×")
