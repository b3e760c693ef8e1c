"""What tests of plans ask about, and how they read the answers."""

TRAIN = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 64,
    "workload": {"kind": "train", "tokens": 1e12},
    "ranges": False,
}
SERVE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 2, "workload": "serve", "ranges": False}


def column(answer, name):
    return answer.columns[name].values
