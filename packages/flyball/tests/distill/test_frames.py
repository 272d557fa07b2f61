"""Traces by their frames: another place is another pattern; a line number, an address or a counter is not."""

from __future__ import annotations

import re

import pytest
from flyball.distill.frames import FRAMES_MAX, NAME_CHARS_MAX, places
from flyball.distill.shapes import shape_of
from flyball.distill.templates import partition

JAVA = """java.lang.IllegalStateException: pool exhausted
\tat com.shop.Pool.lambda$take$3(Pool.java:12)
\tat com.shop.Pool$$Lambda$14/0x00000008000.apply(Unknown Source)
\tat com.shop.Cart$$EnhancerBySpringCGLIB$$ab12cd.checkout(<generated>)
\tat com.shop.Cart$2.run(Cart.java:33)
\tat jdk.proxy2/com.sun.proxy.$Proxy12.call(Unknown Source)
\tat java.base/java.lang.Thread.run(Thread.java:829)"""
PYTHON = """Traceback (most recent call last):
  File "/app/shop/cart.py", line 31, in checkout
    pool.take()
  File "/app/shop/pool.py", line 9, in take
    connect(host)
  File "/usr/lib/python3.12/socket.py", line 865, in create_connection
    raise OSError
OSError: timed out"""
GO = """panic: assignment to entry in nil map

goroutine 51 [running]:
panic({0x5a8e40, 0x6})
\t/usr/local/go/src/runtime/panic.go:884 +0x213
example.org/shop/cart.(*Cart).Take.func1.2(0xc0000b2000, {0x1, 0x2})
\t/src/cart/cart.go:12 +0x4d
example.org/shop/cart.Checkout[...](0x1)
\t/src/cart/checkout.go:44 +0x1

goroutine 7 [chan receive]:
main.idle(...)
\t/src/main.go:30 +0x1"""
NODE = """Error: refused
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)
    at async PoolClient.take (/app/src/user.service.ts:12:7)
    at async /app/src/cart.js:44:3
    at Layer.handle (/app/node_modules/express/layer.js:95:5)"""
DOTNET = """System.InvalidOperationException: outer
   at Shop.Cart.<TakeAsync>d__5.MoveNext() in C:\\src\\Cart.cs:line 12
   at System.Runtime.CompilerServices.TaskAwaiter.Throw(Task task)
   at Shop.Cart.<>c__DisplayClass3_0.<Pay>b__0(String a)
   at Shop.Program.Main(String[] args)"""
RUBY = """/app/pool.rb:3:in 'Pool#take': timed out (PoolTimeout)
\tfrom /app/cart.rb:7:in 'block (2 levels) in Cart#checkout'
\tfrom /usr/lib/ruby/gems/3.4.0/gems/rack-3/lib/rack.rb:9:in 'Rack.call'"""
PLACES = {
    "java": (JAVA, ["Pool.java::Pool.take()", "Cart.java::Cart.run()"]),
    "python": (PYTHON, ["pool.py::take()", "cart.py::checkout()"]),
    "go": (GO, ["cart.go::Cart.Take()", "checkout.go::cart.Checkout()"]),
    "node": (NODE, ["user-service.ts::PoolClient.take()", "cart.js::anonymous()"]),
    "dotnet": (DOTNET, ["Cart.cs::Cart.TakeAsync()", "Cart.Pay()", "Program.Main()"]),
    "ruby": (RUBY, ["pool.rb::Pool.take()", "cart.rb::Cart.checkout()"]),
}


def frames(trace: str) -> list[str]:
    return places(trace.split("\n"))


@pytest.mark.parametrize("name", PLACES)
def test_frames_are_files_and_functions_the_innermost_first(name: str) -> None:
    trace, expected = PLACES[name]
    assert frames(trace) == expected


@pytest.mark.parametrize("name", PLACES)
def test_numbers_and_addresses_make_no_other_pattern(name: str) -> None:
    trace, _places = PLACES[name]
    later = re.sub(r"(?<=[:$])\d+|(?<=line )\d+|0x[0-9a-f]+|ab12cd", lambda number: f"{number[0]}7", trace)
    assert later != trace
    assert shape_of(later).id == shape_of(trace).id


@pytest.mark.parametrize("name", PLACES)
def test_another_function_is_another_pattern(name: str) -> None:
    trace, _places = PLACES[name]
    other = re.sub(r"(?i)take(?=\b|Async|\$)", lambda word: "Give" if word[0][0].isupper() else "give", trace)
    assert shape_of(other).id != shape_of(trace).id
    # and no number of them makes the learner take the place for a value
    shapes = [
        shape_of(trace.replace("take", f"take_{word}")) for word in ("a_b", "c_d", "eF", "gH", "i_j", "kL")
    ]
    assert len({*partition(shapes).values()}) == len({shape.id for shape in shapes})


def test_the_root_cause_comes_first() -> None:
    java = f"""{JAVA}
Caused by: java.sql.SQLException: no connection
\tat com.shop.Db.open(Db.java:99)
\t... 23 more"""
    python = f"""Traceback (most recent call last):
  File "/app/db.py", line 3, in connect
    raise ValueError
ValueError: x

The above exception was the direct cause of the following exception:

{PYTHON}"""
    assert frames(java)[0] == "Db.java::Db.open()"
    assert frames(python)[0] == "db.py::connect()"


def test_recursion_counts_once_and_callers_are_bounded() -> None:
    calls = "".join(
        f'  File "/app/f{letter}.py", line 1, in {letter}\n    x()\n' for letter in "abcdeghghghgh"
    )
    assert frames(f"Traceback (most recent call last):\n{calls}ValueError: x") == [
        "fh.py::h()",
        "fg.py::g()",
        "fe.py::e()",
    ]
    long = f'  File "/app/{"x" * 500}.py", line 1, in {"y" * 500}'
    assert len(frames(long)[0]) <= 2 * NAME_CHARS_MAX + len("::()")


def test_a_trace_of_libraries_alone_has_their_frames() -> None:
    trace = 'Traceback (most recent call last):\n  File "/usr/lib/python3.12/json/decoder.py", line 1, in decode\nValueError: x'
    assert frames(trace) == ["decoder.py::decode()"]


@pytest.mark.parametrize("text", ["select 1\nfrom x\nwhere y", "one: two\n  three: four", "", "\n\n"])
def test_what_is_no_trace_has_no_frames(text: str) -> None:
    assert frames(text) == []


def test_an_exception_group_says_what_its_members_say() -> None:
    trace = """  + Exception Group Traceback (most recent call last):
  |   File "/app/x.py", line 3, in main
  |     raise ExceptionGroup("eg", [])
  | ExceptionGroup: eg (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/y.py", line 3, in f
    |     g()
    | ValueError: bad
    +------------------------------------"""
    assert (
        shape_of(trace).template
        == "ExceptionGroup: eg (<*> sub-exception) ValueError: bad at x.py::main(), y.py::f()"
    )


def test_a_trace_in_a_field_of_json_counts_as_one_in_the_text() -> None:
    line = '{"msg":"payment 7 failed","stack":"TypeError: x\\n    at foo (/a/b.js:1:2)"}'
    assert shape_of(line).template == "payment <*> failed TypeError: x at b.js::foo()"
    nested = '{"msg":"payment 7 failed","err":{"type":"TypeError","stack":"TypeError: x\\n    at foo (/a/b.js:9:2)"}}'
    assert shape_of(nested).id == shape_of(line).id


def test_frames_are_bounded() -> None:
    assert len(frames(JAVA)) <= FRAMES_MAX
