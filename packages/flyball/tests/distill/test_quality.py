"""Quality without configuration: made-up lines of many kinds of system, and what must be told apart.

Each block is one pattern: whoever reads such logs would call its lines one event. The kinds are those that every
operator meets (web servers, Java services, schedulers, proxies, kernels, clusters); no line is from anywhere.
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from flyball.distill.catalog import Catalog
from flyball.distill.lines import LineReader
from flyball.distill.shapes import Distiller, shape_of
from flyball.distill.templates import MEANING, partition
from hypothesis import given, settings
from hypothesis import strategies as st

BLOCKS = """
[client 10.1.7.22] File does not exist: /srv/htdocs/favicon.ico
[client 192.0.2.77] File does not exist: /srv/htdocs/robots.txt

[client 10.1.7.22] Directory listing denied by rule: /srv/htdocs/
[client 10.4.7.22] Directory listing denied by rule: /srv/private/img

worker_init() found child 4412 in slot 7
worker_init() found child 12 in slot 10

caught signal, shutting down

10.0.3.7 "GET /v2/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829
10.0.3.9 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers HTTP/1.1" status: 404 len: 18 time: 1.24

10.0.3.7 "DELETE /v2/servers/1c5a2b33-7de1-4a3e-9b20-53b5fc22fe09 HTTP/1.1" status: 204 len: 203 time: 0.2

[machine: 1c5a2b33-7de1-4a3e-9b20-53b5fc22fe09] Started (event)
[machine: 2c5a2b33-7de1-4a3e-9b20-53b5fc22fe0a] Started (event)

[machine: 1c5a2b33-7de1-4a3e-9b20-53b5fc22fe09] Stopped (event)

[machine: 1c5a2b33-7de1-4a3e-9b20-53b5fc22fe09] memory limit: 96000.00 MB, free: 95488.00 MB
[machine: 2c5a2b33-7de1-4a3e-9b20-53b5fc22fe09] memory limit: 9600.00 MB, free: 488.50 MB

Unused files: /var/lib/x/a489c868f0c37da93b76227c91bb03908ac0e742 /var/lib/x/b489c868f0c37da93b76227c91bb03908ac0e742
Unused files: /var/lib/x/c489c868f0c37da93b76227c91bb03908ac0e742

Total of node: name=cp-1.slow.example.net ram=64172MB used=512MB stats=[]
Total of node: name=cp-2.slow.example.net ram=4172MB used=2560MB stats=[]

mail.example.org:993 open through proxy gate.example.org:5070 HTTPS
www.example.net:443 open through proxy gate.example.org:1080 HTTPS

mail.example.org:993 close, 403 bytes sent, 426 bytes received, lifetime <1 sec
www.example.net:443 close, 0 bytes sent, 0 bytes received, lifetime 00:16
www.example.net:443 close, 9 bytes sent, 12 bytes received, lifetime 01:02:11

Accepted socket connection from /10.10.34.11:45307
Accepted socket connection from /10.10.34.12:4530

Expiring session 0x14f05578bd80001, timeout of 10000ms exceeded
Expiring session 0x14f05578bd80016, timeout of 20000ms exceeded

Loaded stack v6.1.7601.23505 with core: C:\\Windows\\winsxs\\amd64_31bf3856ad364e35_6.1.7601.23505_none\\core.dll
Loaded stack v6.1.7601.24000 with core: C:\\Windows\\winsxs\\amd64_31bf3856ad364e35_6.1.7601.24000_none\\core.dll

Cannot get next element [RESULT = 0x800f080d - E_INVALID_ITEM]

00000012 Creating transaction (seq 1), objectname [6]"(null)"
00000312 Creating transaction (seq 23), objectname [6]"(null)"

HELLO from 00:11:43:e3:ba:c3 via eth1
HELLO from 00:11:43:e3:ba:c4 via eth0

jA9B3NJT028191: from=root, size=1026, nrcpts=1, msgid=<200511091103.jA9B3NJT028191@dn978>, relay=#7@localhost
jA9B3NJT028192: from=root, size=10, nrcpts=2, msgid=<200511091103.jA9B3NJT028192@dn97>, relay=#7@localhost

fan speeds ( 3552 3534 3375 4354 3515 3479 )
fan speeds ( 3552 3534 3375 4354 **** 3479 )
fan speeds ( **** **** 3375 4354 )

link [LNKA] uses IRQs 3 4 5 *6 7 10
link [LNKB] uses IRQs 3 4 *5 6 7 10 11
link [LNKC] uses IRQs 3 4 5 6 7 *10

Created master for application attempt_1445144423722_0020_000001
Created master for application attempt_1445144423722_0021_000002

Retrying connect to server: host1.example.com:9000. Already tried 0 time(s)
Retrying connect to server: 0.0.0.0/0.0.0.0:8030. Already tried 7 time(s)

Broken pipeline 10.190.173.170:50010, 172.22.135.59:50010: bad node 10.190.173.170:50010
Broken pipeline 10.190.173.171:50010: bad node 10.190.173.171:50010

payment of 12.50 EUR accepted
payment of 7.00 USD accepted

payment of 12.50 EUR declined
payment of 7.00 USD declined

user alice logged in from 10.0.0.1
user bob logged in from 10.0.0.2
user carol logged in from fe80::1

user alice logged out
user bob logged out
user carol logged out

GET /api/orders/77?full=true 200 13ms
GET /api/carts?q=a+b&page=2 500 2ms
GET / 200 1ms

POST /api/orders/77 201 13ms

volume vol-0a1b2c attached to i-0ff00ff
volume vol-ab12cd attached to i-0dd00dd

volume vol-0a1b2c detached from i-0ff00ff

node gw-eu-west joined the cluster
node gw-us-east joined the cluster

node gw-eu-west left the cluster

Back-off restarting container cart in pod cart-7c9f-abcde_shop(0a0b0c0d-1111-2222-3333-444455556666)
Back-off restarting container web in pod web-7c9f-fghij_shop(0a0b0c0d-1111-2222-3333-444455556667)
Back-off restarting container api in pod api-7c9f-klmno_shop(0a0b0c0d-1111-2222-3333-444455556668)

app.web - {"level":"warn","msg":"pool 5 low","at":1}
app.web - {"msg":"pool 17 low","level":"warn"}

order saved {"id": 5, "lines": [{"a": 1}, {"a": 2}]}
order saved {"lines": [], "id": 6}

{"tags": ["a", "b"], "size": 3}
{"size": 12, "tags": []}

at=info method=GET path=/x host=a.example.org status=200
at=info method=POST path=/y/z host=b.example.org status=500

الطلب ٤٢ من المستخدم 7 فشل
الطلب ٤٧ من المستخدم ٨ فشل

订单１２已创建
订单345已创建

स्तर १२ पर त्रुटि
स्तर ७ पर त्रुटि

deadlock detected

deadlock avoided

connect ECONNREFUSED 10.0.0.1:80

connect ETIMEDOUT 10.0.0.1:80

link=up on port 5

link=down on port 5
"""
EXPECTED = [block.split("\n") for block in BLOCKS.strip("\n").split("\n\n")]
LINES = [line for block in EXPECTED for line in block]


def patterns_of(lines: list[str]) -> dict[str, str]:
    """Line -> the fingerprint of its pattern when all have been read, in the order given."""
    catalog = Catalog()
    for when, line in enumerate(lines):
        catalog.add([shape_of(line)], when)
    return {line: catalog.resolve(shape_of(line).id) for line in lines}


def test_lines_of_many_kinds_are_grouped_as_a_reader_would() -> None:
    found = patterns_of(LINES)
    groups = defaultdict[str, list[str]](list)
    for line, fingerprint in found.items():
        groups[fingerprint].append(line)
    assert sorted(groups.values()) == sorted(EXPECTED)


def test_the_core_says_what_python_says() -> None:
    texts, none = pa.array(LINES), np.zeros(len(LINES), np.uint8)
    expected = [shape_of(line).id for line in LINES]
    assert Distiller().distill(texts, none).shapes.tolist() == expected
    assert Distiller(core=None).distill(texts, none).shapes.tolist() == expected


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_lines_changes_neither_groups_nor_texts(shuffle: random.Random) -> None:
    def settled(lines: list[str]) -> set[tuple[str, tuple[str, ...]]]:
        catalog = Catalog()
        for when, line in enumerate(lines):
            catalog.add([shape_of(line)], when)
        found = defaultdict[str, list[str]](list)
        for line in lines:
            found[catalog.resolve(shape_of(line).id)].append(line)
        return {(_text(catalog, name), tuple(sorted(members))) for name, members in found.items()}

    mixed = list(LINES)
    shuffle.shuffle(mixed)
    assert settled(mixed) == settled(LINES)


def _text(catalog: Catalog, name: str) -> str:
    pattern = catalog.pattern(name)
    assert pattern is not None
    return pattern.template


PAIRS = [
    ("reachable", "unreachable"),
    ("complete", "incomplete"),
    ("mounted", "unmounted"),
    ("SUCCEEDED", "FAILED"),
    ("Accepted", "Rejected"),
    ("SIGTERM", "SIGSEGV"),
    ("ECONNREFUSED", "ETIMEDOUT"),
    ("isReady", "isBusy"),
    ("red", "green"),
    ("sync_ok", "sync_failed"),
    ("upstream", "downstream"),
    ("stable", "unstable"),
]
SENTENCES = [
    "link of service {} at host beta",
    "state: {} of the link",
    "node said ({}) to the others",
    "now [{}] again here",
]


@given(
    st.sampled_from(SENTENCES),
    st.sampled_from(PAIRS) | st.tuples(st.sampled_from(sorted(MEANING)), st.sampled_from(sorted(MEANING))),
    st.sampled_from([str.lower, str.upper, str.title, str]),
    st.lists(
        st.sampled_from(
            [
                "alpha",
                "beta_x",
                "gammaY",
                "LOOKING",
                "TAKING",
                "VOTING",
                "plum",
                "pear",
                "fig",
                "date",
                "kiwi",
            ]
        ),
        unique=True,
    ),
)
@settings(max_examples=150, deadline=None)
def test_words_that_carry_meaning_never_merge(
    sentence: str, pair: tuple[str, str], case: object, others: list[str]
) -> None:
    assert callable(case)
    words = [str(case(word)) if pair not in PAIRS else word for word in pair] + others
    shapes = {word: shape_of(sentence.format(word)) for word in words}
    found = partition(shapes.values())
    alone = {shapes[word].id for word in words[:2]}
    for shape in alone:
        assert [one for one in found if found[one] == found[shape]] == [shape]


@pytest.mark.parametrize(
    "unit", ["    at a(", "    at /x:1:1 ", "  1: a::b ", '  File "', "#0 a(1): ", "\tat a.b(", '{ "']
)
def test_long_lines_near_frames_take_bounded_time(unit: str) -> None:
    hostile = (unit + " " * 500_000 + unit * 100_000)[:1_000_000] + "x"
    trace = f"Traceback (most recent call last):\n{hostile}\nValueError: x"
    assert len(shape_of(trace).template) < len(hostile) / 10
    reader = LineReader()
    reader.feed(f"{trace}\n".encode())
    assert reader.flush().texts.to_pylist()


@pytest.mark.parametrize("length", [4_095, 4_097, 1_000_000])
@pytest.mark.parametrize(
    "unit", ["é", "字 ", "\u202eب ", "a\u0301 ", "\N{FULLWIDTH DIGIT SEVEN} ", '{"a":', "<*>"]
)
def test_long_lines_of_any_script_have_a_bounded_shape_that_is_its_own(unit: str, length: int) -> None:
    shape = shape_of((unit * length)[:length])
    assert len(shape.template) <= 3 * 4096
    again = shape_of(shape.template)
    assert shape_of(again.template).id == again.id
