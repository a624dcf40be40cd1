"""Outgoing requests: where they may go, and that nothing holds us (SEC-02)."""

import datetime
import socket
import ssl
import threading
import time
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from csplatform.kit import http, pinned
from csplatform.kit.addresses import is_public, parse_allowed
from csplatform.kit.checks import outbound_allow
from tests.kit.receiver import raw_server, receiving

CLOSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16", "192.88.99.1",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
    "2002:c0a8:101::", "2001::1", "2001:db8::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "3fff::1", "2607:f8b0::5efe:10.0.0.1", "100::1",
]  # fmt: skip
OPEN = [
    "93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450:4001::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_closed_addresses(address):
    """Private, loopback, link-local, multicast, reserved, metadata, and all of them wrapped."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_open_addresses(address):
    """Wrapped ones are judged by what they wrap, so a 6to4 or NAT64 of the open internet is open
    unless its own network is closed."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
        "example.com", "//example.com/x", "", "http://", "https:///path",
        "http://user@example.com/", "http://user:pw@example.com/", "http://@example.com/",
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/",
        "http://127.1/", "http://127.0.0.1./", "http://1.1.1.0x1/", "http://127.0.0.1/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25eth0]/",
        "http://[64:ff9b::7f00:1]/", "http://１２７.０.０.１/", "http://169.254.169.254/latest/",
        "http://example.com:22/", "http://example.com:6379/", "https://example.com:0/",
        "http://example.com:99999/", "http://exa mple.com/", "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nHost: x", "http://exam\u0000ple.com/", "http://" + "a" * 2000,
    ],
)  # fmt: skip
def test_addresses_that_are_refused_as_written(url):
    """With a sentence that says what to do."""
    with pytest.raises(http.Refused) as caught:
        http.check_url(url)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://Example.com/hook?x=1", "example.com", 443),
        ("http://example.com:8080/#part", "example.com", 8080),
        ("https://bücher.example/", "xn--bcher-kva.example", 443),
        ("https://93.184.216.34/", "93.184.216.34", 443),
        ("https://[2606:2800:220:1::1]:8443/", "2606:2800:220:1::1", 8443),
    ],
)
def test_addresses_that_are_taken(url, host, port):
    target = http.check_url(url)
    assert (target.host, target.port) == (host, port)


def test_a_list_with_one_private_address_is_refused_whole(settings):
    """The other addresses of the answer do not save it, and nothing is connected to."""
    with receiving() as server:
        settings.OUTBOUND_PORTS = [server.port]
        for answer in (["93.184.216.34", "127.0.0.1"], ["127.0.0.1"], ["::ffff:127.0.0.1"]):
            with pytest.raises(http.Refused, match="private or reserved"):
                http.send(
                    "POST", f"http://name.example:{server.port}/", resolver=lambda h, p, a=answer: a
                )
        assert server.got == []


def test_the_name_is_resolved_once_and_the_connection_goes_to_that_address(settings):
    """A name server that changes its answer gets no second question (rebinding)."""
    asked = []

    def resolver(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiving() as server:
        settings.OUTBOUND_ALLOW = [f"name.example:{server.port}"]
        url = f"http://name.example:{server.port}/a?b=c"
        answer = http.send("POST", url, content=b"hello", resolver=resolver)
        [got] = server.got
    assert (answer.status, answer.text) == (200, "ok")
    assert asked == ["name.example"]
    assert got.headers["host"] == f"name.example:{server.port}"
    assert (got.path, got.body) == ("/a?b=c", b"hello")


def test_a_network_that_was_opened_is_reached_at_the_open_ports_only(settings):
    with receiving() as server:
        settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
        with pytest.raises(http.Refused, match="not open"):
            http.send("GET", server.url())
        settings.OUTBOUND_PORTS = [server.port]
        assert http.send("GET", server.url()).status == 200
        with pytest.raises(http.Refused):
            http.send("GET", f"http://[::1]:{server.port}/")


def test_without_being_opened_the_loopback_is_closed(settings):
    with receiving() as server:
        settings.OUTBOUND_PORTS = [server.port]
        with pytest.raises(http.Refused):
            http.send("GET", server.url())
        with pytest.raises(http.Refused):
            http.send("GET", f"http://localhost:{server.port}/")
        assert server.got == []


def test_a_header_replaces_ours_whatever_its_letters(settings):
    with receiving() as server:
        settings.OUTBOUND_ALLOW = [server.place]
        http.send("GET", server.url(), headers={"USER-AGENT": "Mine"})
    assert server.got[0].headers["user-agent"] == "Mine"


def test_a_redirect_is_an_answer(settings):
    """Also one that leads into the house."""
    with receiving(answer=(302, {"Location": "http://169.254.169.254/"}, b"")) as server:
        settings.OUTBOUND_ALLOW = [server.place]
        answer = http.send("POST", server.url())
    assert answer.status == 302
    assert len(server.got) == 1


def test_the_environment_names_no_proxy(settings, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with receiving() as server:
        settings.OUTBOUND_ALLOW = [server.place]
        assert http.send("GET", server.url()).status == 200


def quickly(call, within=2.5):
    """Call it; it must have raised by then."""
    began = time.monotonic()
    with pytest.raises(http.OutboundError) as caught:
        call()
    assert time.monotonic() - began < within
    return caught.value


def trickle(first: bytes, piece: bytes):
    def talk(line):
        line.recv(65536)
        line.sendall(first)
        while True:
            line.sendall(piece)
            time.sleep(0.05)

    return talk


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 200", b" "),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"", b""),
    ],
    ids=["body", "chunks", "headers", "status line", "early hints", "silence"],
)
def test_a_server_that_trickles_holds_us_no_longer_than_the_deadline(settings, first, piece):
    with raw_server(trickle(first, piece)) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        error = quickly(
            lambda: http.send("POST", f"http://127.0.0.1:{port}/", deadline_seconds=0.6)
        )
    assert isinstance(error, http.TimedOut)


def test_a_server_that_does_not_read_holds_us_no_longer_either(settings):
    with raw_server(lambda line: time.sleep(5)) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        url = f"http://127.0.0.1:{port}/"
        quickly(lambda: http.send("POST", url, content=b"x" * 30_000_000, deadline_seconds=0.6))


def test_a_name_server_that_is_silent_holds_us_no_longer_either():
    forever = threading.Event()
    error = quickly(
        lambda: http.send(
            "GET", "http://name.example/", deadline_seconds=0.3,
            resolver=lambda h, p: forever.wait(20) or [],
        )
    )  # fmt: skip
    forever.set()
    assert isinstance(error, http.TimedOut)


def test_a_huge_answer_is_cut_or_refused(settings):
    with receiving(answer=(200, {}, b"x" * 5_000_000)) as server:
        settings.OUTBOUND_ALLOW = [server.place]
        with pytest.raises(http.TooLarge):
            http.send("GET", server.url(), max_bytes=1000)
        answer = http.send("GET", server.url(), max_bytes=1000, cut=True)
    assert (len(answer.body), answer.cut, answer.status) == (1000, True, 200)


def test_a_compressed_answer_is_not_unpacked(settings):
    """Nobody asked for it, and it may be a bomb."""
    with receiving(answer=(200, {"Content-Encoding": "gzip"}, b"\x1f\x8bxx")) as server:
        settings.OUTBOUND_ALLOW = [server.place]
        answer = http.send("GET", server.url())
    assert (answer.status, answer.text, answer.body) == (200, "", b"\x1f\x8bxx")
    assert server.got[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (b"", http.BrokenAnswer),
        (b"SSH-2.0-OpenSSH_9.6\r\n", http.BrokenAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", http.BrokenAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 300_000 + b"\r\n\r\n", http.BrokenAnswer),
    ],
)
def test_what_is_no_answer_is_told_in_a_sentence(settings, words, kind):
    def talk(line):
        line.recv(65536)
        line.sendall(words)
        line.shutdown(socket.SHUT_WR)
        line.recv(65536)

    with raw_server(talk) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        error = quickly(lambda: http.send("POST", f"http://127.0.0.1:{port}/"))
    assert isinstance(error, kind)
    assert str(error).endswith(".")


def test_nobody_there(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    assert isinstance(quickly(lambda: http.send("GET", f"http://127.0.0.1:{port}/")),
                      http.NoConnection)  # fmt: skip

    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(http.NoConnection, match="not known"):
        http.send("GET", "http://name.example/", resolver=unknown)


def test_the_next_address_is_tried_when_the_first_is_dead(settings):
    with receiving() as server:
        settings.OUTBOUND_ALLOW = [f"name.example:{server.port}"]
        url = f"http://name.example:{server.port}/"
        found = http.send("GET", url, resolver=lambda h, p: ["::1", "127.0.0.1"])
    assert found.status == 200


def make_certificate(folder, name):
    """A certificate for a name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    return cert, secret


def test_tls_is_about_the_name_although_the_address_is_pinned(settings, tmp_path, monkeypatch):
    """SNI and verification use the name; another name at the same address is refused."""
    cert, key = make_certificate(tmp_path, "name.example")
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    pinned.tls_context.cache_clear()
    with receiving(tls=context) as server:
        settings.OUTBOUND_ALLOW = [f"{n}.example:{server.port}" for n in ("name", "other")]
        here = {"resolver": lambda h, p: ["127.0.0.1"]}
        assert http.send("GET", f"https://name.example:{server.port}/", **here).status == 200
        with pytest.raises(http.NoConnection, match="certificate"):
            http.send("GET", f"https://other.example:{server.port}/", **here)
        monkeypatch.delenv("SSL_CERT_FILE")
        pinned.tls_context.cache_clear()
        with pytest.raises(http.NoConnection, match="certificate"):
            http.send("GET", f"https://name.example:{server.port}/", **here)
    pinned.tls_context.cache_clear()
    assert names == ["name.example", "other.example", "name.example"]


def test_what_operators_open_is_read_strictly(settings):
    assert parse_allowed(["10.0.0.0/8", " [::1]:80 ", ""]).place("::1", 80)
    for bad in ("10.0.0.1/8", "example.com", "host:", "host:x", "host:70000", ":80", "*"):
        with pytest.raises(ValueError, match="OUTBOUND_ALLOW"):
            parse_allowed([bad])
    settings.OUTBOUND_ALLOW = ["nonsense"]
    assert [message.id for message in outbound_allow()] == ["kit.E004"]
