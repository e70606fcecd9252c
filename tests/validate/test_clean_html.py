"""What stays of a foreign page: its text and structure, nothing that runs, loads or leads elsewhere."""

import pytest

from include.validate.clean_html import clean_html


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        ("<p>a &lt;b&gt; c</p>", "<p>a &lt;b&gt; c</p>"),
        ("<p onclick='x()' style='color:red' class='m-0' id=\"a\">x</p>", '<p class="m-0" id="a">x</p>'),
        ("<script>alert('<p>')</script><p>x</p>", "<p>x</p>"),
        ("<img src=x onerror=alert(1)>text", "text"),
        ("<svg><script>1</script><a href='#x'>y</a></svg>z", "z"),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="#section-1">x</a><a href="https://a.b">y</a>', '<a href="#section-1">x</a><a>y</a>'),
        ('<div class="\'&quot;><script>">x</div>', '<div class="&#x27;&quot;&gt;&lt;script&gt;">x</div>'),
        ("<nav><div>menu</div></nav><div>body</div>", "<div>body</div>"),
        ("<div class='col-lg-2 px-0'><div>side</div></div><i class='fas'></i>", '<i class="fas"></i>'),
        ("<div><p>left open</div>", "<div><p>left open</p></div>"),
        ("</div></main><p>x", "<p>x</p>"),
        ("a<!-- <script>x</script> -->b<br/>c", "ab<br>c"),
        ("<p>one\n\n\n  two</p><pre>a\n\n  b</pre>", "<p>one\ntwo</p><pre>a\n\n  b</pre>"),
    ],
)
def test_cleaning(page, kept):
    assert clean_html(page) == kept
