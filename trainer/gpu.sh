#!/usr/bin/env bash
# The runs on a GPU that trainer/gpu.md describes: trainer/gpu.sh check | train | ship
#
#   check   the tests that need a GPU, rates of training and of reading: figures to $OUT
#   train   a run of $MINUTES, or $MINUTES more of the one in $RUN; then ship
#   ship    the best checkpoint of $RUN, small and in pieces, with its metrics: to $OUT
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
OUT=${OUT:-build/gpu}
RUN=${RUN:-runs/gpu}
DEVICE=${DEVICE:-cuda}
RECIPE=${RECIPE:-trainer/recipes/embedded-gpu.toml}
DATA=${DATA:-../shared/data/*.train.jsonl.gz} # files or patterns; one packed .npz goes too
DEV=${DEV:-}
INIT=${INIT:-} # a checkpoint to begin with instead of what the recipe says
STEPS=${STEPS:-}
MINUTES=${MINUTES:-8}
LENGTH=${LENGTH:-1000000} # tokens of the longest document that is read

# Of each kernel one shape, untried, and sums in a fixed order: trying them all takes minutes, and a
# resumed run would not be the same bit for bit. 0 lets Triton try.
export MAMBA_DETERMINISTIC=${MAMBA_DETERMINISTIC:-1}

mkdir -p "$OUT"
if ! "$PYTHON" -c 'import docqa.app' 2>/dev/null; then # not installed: links do as well
    mkdir -p .types/docqa
    for part in app engine trainer assets; do ln -sfn "../../$part" ".types/docqa/$part"; done
    export PYTHONPATH="$PWD/.types${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONUNBUFFERED=1

docqa() { "$PYTHON" -m docqa.app.cli "$@"; }

# What fails in a check is written down and does not stop the others.
part() {
    local name=$1 seconds=$SECONDS
    shift
    echo "== $name"
    if ! "$@" 2>&1 | tee "$OUT/$name.txt"; then echo "FAILED: $name"; fi
    echo "== $name took $((SECONDS - seconds)) s"
}

tests() {
    timeout 200 "$PYTHON" -m pytest -q -rA -m gpu -o addopts=--import-mode=importlib \
        -o filterwarnings=default tests/numerics/test_cuda.py
}

# Tokens a second of training, from the 20th step on: what is compiled comes before.
rate() {
    local name=$1 compiled=$2 run=runs/gpu-rate-$1
    mkdir -p runs
    rm -rf "$run"
    sed "s/^compile = .*/compile = $compiled/; s/^n_steps = .*/n_steps = ${STEPS:-80}/" \
        "$RECIPE" >"$run.toml"
    # shellcheck disable=SC2086
    timeout 150 "$PYTHON" -m docqa.app.cli train retriever --data $DATA --out "$run" \
        --recipe "$run.toml" ${INIT:+--init "$INIT"} --device "$DEVICE"
    "$PYTHON" - "$run/metrics.jsonl" "$name" <<'PY' | tee -a "$OUT/rates.jsonl"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
first, last = lines[0], lines[-1]
rate = (last["tokens"] - first["tokens"]) / max(last["seconds"] - first["seconds"], 1e-9)
print(json.dumps({"training": sys.argv[2], "tokens_per_second": round(rate), "steps": last["step"],
                  "seconds_of_first_steps": first["seconds"], "loss": last["loss"]}))
PY
    rm -rf "$run" "$run.toml"
}

# Reading is measured as users read: with the kernels' best shapes, which are kept on disk.
speed() {
    MAMBA_DETERMINISTIC=0 timeout 240 "$PYTHON" -m docqa.app.cli bench speed --shape "$1" \
        --length "$2" --device "$DEVICE" --rounds 3 --json --quiet >"$OUT/speed-$1.json"
}

check() {
    rm -f "$OUT/rates.jsonl"
    nvidia-smi >"$OUT/machine.txt" 2>&1 || true
    part tests tests
    part rate-triton rate triton true
    DOCQA_PATH=torch part rate-torch rate torch true
    part speed-130m speed 130m "$LENGTH"
    part speed-embedded speed embedded "$LENGTH"
    part rate-eager rate eager false
    part speed-1.3b speed 1.3b "$((LENGTH / 10))"
    cat "$OUT/rates.jsonl"
}

train() {
    local dev=()
    for file in $DEV; do dev+=(--dev "$file"); done
    if [ -f "$RUN/state/state.pt" ]; then
        # shellcheck disable=SC2086
        docqa train retriever --data $DATA --out "$RUN" --resume "${dev[@]}" \
            --minutes "$MINUTES" --device "$DEVICE"
    else
        # shellcheck disable=SC2086
        docqa train retriever --data $DATA --out "$RUN" --recipe "$RECIPE" ${INIT:+--init "$INIT"} \
            ${STEPS:+--steps "$STEPS"} "${dev[@]}" --minutes "$MINUTES" --device "$DEVICE"
    fi
    ship
}

ship() {
    local small
    small=$(mktemp -d)
    "$PYTHON" - "$RUN/checkpoint" "$small/checkpoint" <<'PY'
import sys
from pathlib import Path
from docqa.trainer.publish import save_small
save_small(Path(sys.argv[1]), Path(sys.argv[2]))
PY
    tar -C "$small" -cf - checkpoint | split -b 15M - "$OUT/checkpoint.tar."
    rm -rf "$small"
    if [ -f "$RUN/metrics.jsonl" ]; then # every 20 steps a line
        cp "$RUN/metrics.jsonl" "$OUT/"
        tail -n 3 "$RUN/metrics.jsonl"
    fi
}

case ${1:-} in
check | train | ship) "$1" ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
