"""Scenario files as accidents and malice write them, by name. Each has exactly one thing wrong."""

GOOD = b"model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: train\n"


def _device(line: str) -> bytes:
    fields = {"memory": "80 GB", "memory_bandwidth": "3.35 TB/s", "peak": "{bf16: 989 TFLOP/s}", "tdp": "700 W"}
    key, _, value = line.partition(": ")
    body = "".join(f"  {k}: {v}\n" for k, v in (fields | {key: value}).items())
    return GOOD.replace(b" h100-sxm\n", b"\n" + body.encode())


def _devices(text: str) -> bytes:
    return GOOD.replace(b"64", text.encode())


def _more(line: str) -> bytes:
    return GOOD + line.encode() + b"\n"


HOSTILE: dict[str, bytes] = {
    # not a scenario at all
    "empty": b"",
    "blank": b" \n\n",
    "comment only": b"# nothing yet\n",
    "byte order mark only": b"\xef\xbb\xbf",
    "scalar root": b"hello",
    "number root": b"42\n",
    "list root": b"- model: llama-3.1-8b\n",
    "null root": b"null",
    "python code": b"import os\nos.system('true')\n",
    "nul byte": GOOD + b"name: a\x00b\n",
    "control character": GOOD + b"profile: a\x1bb\n",
    "latin-1": GOOD + b"profile: caf\xe9\n",
    "utf-16": "model: a\n".encode("utf-16"),
    "binary": bytes(range(128, 256)) * 8,
    "too large": GOOD + b"#" * 1_000_000,
    "one long line": b"model: " + b"x" * 900_000 + GOOD[19:],
    # YAML and JSON gone wrong
    "tab": GOOD + b"costs:\n\tpue: 1.2\n",
    "bad indentation": GOOD + b" pue: 1.2\n",
    "unclosed bracket": GOOD + b"costs: {pue: 1.2\n",
    "unclosed quote": GOOD + b"profile: 'abc\n",
    "broken json": b'{"model": "llama-3.1-8b" "devices": 64}',
    "cut json": b'{"model": "llama-3.1-8b",\n "devices": ',
    "two documents": GOOD + b"---\n" + GOOD,
    "tag": GOOD + b"profile: !!str x\n",
    "python tag": GOOD + b"profile: !!python/object/apply:os.system ['true']\n",
    "anchor": GOOD + b"profile: &a x\n",
    "alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + GOOD,
    "merge key": GOOD + b"<<: {profile: x}\n",
    "deep flow": GOOD + b"costs: " + b"[" * 5_000 + b"]" * 5_000,
    "deep mapping": b"".join(b" " * i + b"a:\n" for i in range(200)),
    "duplicate key": GOOD + b"devices: 64\n",
    "duplicate json key": b'{"model": "a", "hardware": "b", "devices": 1, "workload": "train",\n "devices": 1}',
    "list as key": GOOD + b"? [a, b]\n: 1\n",
    # numbers that are none
    "negative": _devices("-64"),
    "zero": _devices("0"),
    "fraction": _devices("6.5"),
    "too many": _devices("1e8"),
    "nan": _devices(".nan"),
    "python nan": _devices("nan"),
    "infinity": _devices(".inf"),
    "overflow": _devices("1e400"),
    "400 digits": _devices("9" * 400),
    "boolean": _devices("true"),
    "null": _devices("null"),
    "missing value": _devices(""),
    "list for a number": _devices("[64]"),
    "mapping for a number": _devices("{n: 64}"),
    "date": _devices("2024-01-01"),
    "sexagesimal": _devices("1:30"),
    "hexadecimal": _devices("0x40"),
    "expression": _devices("8*8"),
    "code": _devices("__import__('os').system('true')"),
    "unit on a count": _devices("64 GB"),
    # quantities
    "bare quantity": _device("memory: 80"),
    "unknown unit": _device("memory: 80 Gb"),
    "wrong dimension": _device("memory: 80 GB/s"),
    "negative quantity": _device("memory: -80 GB"),
    "zero quantity": _device("memory: 0 GB"),
    "huge quantity": _device("memory: 1e30 GB"),
    "quantity nan": _device("memory: .nan GB"),
    "idle above tdp": _device("idle: 900 W"),
    "empty peak": _device("peak: {}"),
    "peak of unknown format": _device("peak: {bf61: 989 TFLOP/s}"),
    "peak is a number": _device("peak: 989 TFLOP/s"),
    # keys and names
    "unknown key": _more("foo: 1"),
    "key of a section": _more("grid: SE"),
    "key of a section, dotted": _more("costs.grid: SE"),
    "near key": _more("paralelism: {tp: 2}"),
    "near nested key": _more("parallelism: {micro_bach: 2}"),
    "long key": _more("x" * 900 + ": 1"),
    "key with markup": _more("'<script>alert(1)</script>': 1"),
    "misspelt required key": GOOD.replace(b"devices", b"devcies"),
    "missing key": GOOD.replace(b"devices: 64\n", b""),
    "unknown workload": GOOD.replace(b"train", b"trian"),
    "workload list": GOOD.replace(b"train", b"[train]"),
    "workload without kind": GOOD.replace(b"train", b"{tokens: 1e12}"),
    "workload key of another kind": GOOD.replace(b"train", b"{kind: serve, tokens: 1e12}"),
    "format in capitals": _more("precision: BF16"),
    "unknown format": _more("precision: bf17"),
    "yes for true": _more("ranges: yes"),
    "section is text": _more("costs: cheap"),
    "section is a list": _more("parallelism: [tp, 8]"),
    "model is a list": GOOD.replace(b"llama-3.1-8b", b"[a]"),
    "model name empty": GOOD.replace(b"llama-3.1-8b", b"''"),
    "model name with newline": GOOD.replace(b"llama-3.1-8b", b'"a\\nb"'),
    "model file missing": GOOD.replace(b"llama-3.1-8b", b"no/such/config.json"),
    "model file of the system": GOOD.replace(b"llama-3.1-8b", b"../../../../etc/passwd.json"),
    # fields that do not fit together
    "tp does not divide devices": _more("parallelism: {tp: 7}"),
    "layout is not the devices": _more("parallelism: {tp: 2, pp: 2, dp: 2}"),
    "context parallelism": _more("parallelism: {cp: 2}"),
    "two kinds of traffic": GOOD.replace(b"train", b"serve") + b"traffic: {utilisation: 0.5, concurrency: 4}\n",
    "rate without unit": GOOD.replace(b"train", b"serve") + b"traffic: {request_rate: 5}\n",
    "utilisation above one": GOOD.replace(b"train", b"serve") + b"traffic: {utilisation: 1.5}\n",
    "traffic for training": _more("traffic: {concurrency: 4}"),
    "batch is no multiple": GOOD.replace(b"train", b"{kind: train, global_batch: 10}") + b"parallelism: {dp: 4}\n",
    "pue below one": _more("costs: {pue: 0.9}"),
    "rent of own hardware": _more("costs: {price: 2 USD/h, pricing: own}"),
    "price in euro": _more("costs: {price: 2 EUR/h}"),
}
