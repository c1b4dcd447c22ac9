"""Hostile texts in lark, EBNF and GBNF, and lists of choices."""

from tamis.grammars import Grammar, choice, ebnf, gbnf, lark

from .cases import case, nested

case("lark groups 1,000 deep", lambda: lark("start: " + nested("(", '"a"', ")", 1_000)), ("a", True))
case("lark groups 100,000 deep", lambda: lark("start: " + nested("(", '"a"', ")", 100_000)), ("a", True), huge=True)
case(
    "lark optionals 15 deep",
    lambda: lark("start: " + nested('["a" ', '"b"', "]", 15)),
    ("aa", True),
    ("b", False),
    ("bb", False),
)
case(
    "lark optionals 12 in a row",
    lambda: lark("start: " + " ".join(f'"{c}"?' for c in "abcdefghijkl")),
    ("al", True),
    slow=True,
)
case("lark optionals 40 in a row", lambda: lark("start: " + " ".join(f'"{c}"?' for c in "abcdefghij" * 4)), slow=True)
case("lark alternatives multiplied", lambda: lark("start: " + '("a"|"b"|"c") ' * 30), ("a" * 30, True))
case("lark backslashes in a regular expression without an end", lambda: lark("start: A\nA: /" + "\\" * 999))
case("lark backslashes in a string without an end", lambda: lark('start: "' + "\\" * 999))
case("lark ~1..1000000", lambda: lark('start: "a"~1..1000000'), ("a", True), ("", False))
case("lark an empty alternative ~10**120", lambda: lark('start: "a"(|"A")~' + "8" * 120))
case("lark ~ in ~", lambda: lark('start: (("a"~1..100)~1..100)~1..100'), ("a" * 200, True))
case("lark unit rules in a circle", lambda: lark("start: a\na: b\nb: a"))
case("lark a: a", lambda: lark('start: start | "a"'), ("a", True), ("aa", False))
case("lark ambiguous", lambda: lark('start: start start | "a" | '), ("a" * 2_000, True), ("b", False))
HIDDEN = 'start: x start "b" | "a"\nx: "x"?'
case("lark hidden left recursion", lambda: lark(HIDDEN), ("a" + "b" * 500, False))  # as lark's LALR parser has it
case("lark earley hidden left recursion", lambda: lark(HIDDEN, parser="earley"), ("a" + "b" * 500, True))
case("lark templates without end", lambda: lark('start: f{"a"}\nf{x}: f{g{x}} | x\ng{x}: x x'))
case(
    "lark templates doubled",
    lambda: lark(
        "start: a0{X}\nX: /x/\n" + "".join(f"a{n}{{x}}: a{n + 1}{{x}} a{n + 1}{{x}}\n" for n in range(12)) + "a12{x}: x"
    ),
    ("x" * 4096, True),
)
case("lark terminals in a circle", lambda: lark("start: A\nA: B\nB: A"))
case("lark import of nothing", lambda: lark("%import nothing.X\nstart: X"))
case("lark import of a file", lambda: lark("%import .secret.X\nstart: X"))
case(
    "lark 5,000 rules",
    lambda: lark("start: r0\n" + "".join(f'r{n}: "a" r{n + 1}\n' for n in range(5000)) + 'r5000: "b"'),
    ("a" * 5000 + "b", True),
    slow=True,
)
case(
    "lark 5,000 terminals",
    lambda: lark(
        "start: " + " | ".join(f"T{n}" for n in range(5000)) + "\n" + "".join(f'T{n}: "t{n}"\n' for n in range(5000))
    ),
    ("t77", True),
    slow=True,
)
case("lark 1 MB literal", lambda: lark('start: "' + "a" * 1_000_000 + '"'), ("a", False), huge=True)
case("lark regex bomb", lambda: lark("start: A\nA: /(([a-z])+.)+[A-Z]([a-z])+/"), ("a" * 5000, False))
case("lark NUL", lambda: lark('start: "a\0b"'), ("a\0b", True))
case("lark lone surrogate", lambda: lark('start: "\ud800"'))
case("lark bad flags", lambda: lark("start: /a/iiiimmmq"))
case("lark empty terminal", lambda: lark('start: A\nA: ""'))
case("lark terminal that matches nothing", lambda: lark("start: A*\nA: /a*/"), ("aaa", None))
case("lark ignored everything", lambda: lark('start: "a"\n%ignore /.*/'), ("a", True))
case("lark of bytes", lambda: lark(b"start: A"))  # type: ignore[arg-type]
case("lark empty", lambda: lark(""))
case("lark garbage", lambda: lark("".join(map(chr, range(1, 256)))))
case("lark deep input", lambda: lark('start: "(" start ")" | "a"'), ("(" * 50_000 + "a" + ")" * 50_000, True))

for name, make in (("ebnf", ebnf), ("gbnf", gbnf)):
    case(f"{name} groups 1,000 deep", lambda m=make: m("root ::= " + nested("(", '"a"', ")", 1_000)), ("a", True))
    case(f"{name} groups 100,000 deep", lambda m=make: m("root ::= " + nested("(", '"a"', ")", 100_000)), ("a", True))
    case(f"{name} {{1,1000000}}", lambda m=make: m('root ::= "a"{1,1000000}'), ("a" * 5000, True), ("", False))
    case(
        f"{name} bounds in bounds",
        lambda m=make: m('root ::= (("a"{0,1000} "b"?){0,1000} "c"?){0,1000}'),
        ("ab" * 300, True),
    )
    case(
        f"{name} bounds around recursion",
        lambda m=make: m('root ::= ("(" root ")"){0,1000} "x"{0,1000}'),
        ("(x)" * 100, True),
    )
    case(f"{name} left recursion", lambda m=make: m('root ::= root "b" | "a"'), ("a" + "b" * 5000, True))
    case(
        f"{name} hidden left recursion",
        lambda m=make: m('root ::= x root "b" | "a"\nx ::= "x"?'),
        ("a" + "b" * 500, True),
    )
    case(f"{name} rules in a circle", lambda m=make: m('root ::= a\na ::= root | "x"'), ("x", True))
    case(f"{name} rules without end", lambda m=make: m('root ::= "a" root'))
    case(f"{name} ambiguous", lambda m=make: m('root ::= root root | "a" | ""'), ("a" * 2_000, True))
    case(f"{name} undefined", lambda m=make: m("root ::= nowhere"))
    case(f"{name} NUL", lambda m=make: m('root ::= "a\0b"'), ("a\0b", True))
    case(f"{name} lone surrogate", lambda m=make: m('root ::= "\ud800"'))
    case(f"{name} open", lambda m=make: m('root ::= ("a" ['))
    case(f"{name} empty", lambda m=make: m(""))
    case(f"{name} reversed class", lambda m=make: m("root ::= [z-a]"))
    case(
        f"{name} 20,000 rules",
        lambda m=make: m(
            "root ::= r0\n" + "".join(f'r{n} ::= "a" r{n + 1}\n' for n in range(20_000)) + 'r20000 ::= "b"\n'
        ),
        ("a" * 20_000 + "b", True),
        huge=True,
    )
    case(
        f"{name} exponential",
        lambda m=make: m(
            "root ::= r0\n" + "".join(f"r{n} ::= r{n + 1} r{n + 1}\n" for n in range(40)) + 'r40 ::= "a"?\n'
        ),
        ("a" * 50, True),
    )
    case(f"{name} garbage", lambda m=make: m("".join(map(chr, range(1, 256)))))
case(
    "ebnf difference bomb",
    lambda: ebnf("root ::= [a-z]* - ([a-z]* 'x' [a-z]{20} - ([a-z]* 'y' [a-z]{19}))"),
    ("x", True),
    slow=True,
)
case("ebnf code point too large", lambda: ebnf("root ::= #xFFFFFFFFFF"))
case("ebnf surrogate code point", lambda: ebnf("root ::= #xD800"))

# --- choice
case(
    "choice of 100,000",
    lambda: choice([f"text {n}" for n in range(100_000)]),
    ("text 7", True),
    ("text", False),
    huge=True,
)
case("choice of nothing", lambda: choice([]))
case("choice of a lone surrogate", lambda: choice(["\ud800"]))
case("choice of 10 MB", lambda: choice(["a" * 10_000_000]), ("a", False), huge=True)
case("choice with NUL", lambda: choice(["\0", ""]), ("\0", True), ("", True), ("\0\0", False))
case("choice of an endless string", lambda: choice("abc"))
case("grammar of an unknown kind", lambda: Grammar("kind", "source"))
case("grammar with an unknown option", lambda: Grammar("regex", "a", {"b": 1}))
