#!/usr/bin/env bash
# Install without torch on another version of Python, and run there what a user without it relies on.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1

found=
for python in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python; do
    if "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
        found=$python
    fi
done
if [ -z "$found" ]; then
    echo "Python $version: not on this machine, passed over"
    exit 0
fi
venv=.venv-$version
[ -x "$venv/bin/python" ] || "$found" -m venv "$venv"
"$venv/bin/python" -m pip install -q -c constraints.txt -e '.[test-light]'
echo "Python $version: $("$venv/bin/mer" --version)"
"$venv/bin/python" -m pytest -q -p no:cacheprovider -m "not shared" \
    tests/test_collection.py tests/test_curves.py tests/test_docs.py tests/test_done_index.py \
    tests/test_evaluation.py tests/test_examples.py tests/test_export.py tests/test_host.py \
    tests/test_jams_store.py tests/test_options.py tests/test_plugin_contract.py \
    tests/faults/test_locks.py tests/test_segment_summary.py tests/test_status.py tests/test_trivial.py tests/test_writers.py
