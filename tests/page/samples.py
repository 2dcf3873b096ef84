"""Answers for the tests of pages: a plain one with everything that models write, and one that wants to break out."""

from __future__ import annotations

PLAIN = r"""Here is **how** it works, with `inline code`, ~~not~~ *this* and a [link](https://example.org/a?b=1&c=2).

# Sorting

1. First item
   - nested *one*
2. Second item

```python
def greet(name: str, times: int = 3) -> None:
    # one line that is so long that it has to scroll sideways in a narrow window, whatever its font may be today
    print(f"Hello, {name}!", 1.5, None)
```

| Language | Year | Notes |
|:---------|-----:|-------|
| Python | 1991 | batteries included, and a cell with some more words to wrap |

> A quotation
> over two lines.

The formula $E = mc^2$ and

$$\int_0^1 x^2 dx$$

---

```rust
fn main() { let x: Vec<u32> = vec![1, 2]; println!("{:?}", x); /* a */ }
```

```diff
- old
+ new
```

```html
<p class="a">&amp; text</p>
```
"""

HOSTILE = (
    "</details></section></style><script>alert(1)</script> <img src=x onerror=alert(2)> <details open>\n\n"
    "[click](javascript:alert(3)) [data](data:text/html,<script>alert(4)</script>) [v](vbscript:alert(0))\n"
    '![pic](https://evil.example/p.png) <https://ok.example/?a="b"> [t](https://a.example \'x" onclick=alert(9)\')\n'
    "\x1b[31mred\x1b[0m \u202egnp.exe\u202c nul\0 c1\x9b2J \ufeff\n\n"
    + "W" * 3000
    + '\n\n```"><script>alert(5)</script>\n</code></pre><script>alert(6)</script>\n'
    + "x" * 2000
    + '\n```\n\n| <b>a</b> | "onmouseover="alert(7) |\n|---|---|\n| </table> | `</code>` |\n\n'
    "مرحبا بالعالم\n\n$\\href{javascript:alert(8)}{x}$ &lt;script&gt; <!-- a comment --> <?php ?> <![CDATA[ x ]]>\n"
)
