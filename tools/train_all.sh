#!/usr/bin/env bash
# Train and test every task in turn. Settings are environment variables: tools/train_all.sh --help
#   DEVICE=cuda GPUS=4 DOWNLOAD_DATA=true TASKS="reid synloc" tools/train_all.sh
set -euo pipefail

exec "${PYTHON:-python}" "$(dirname "$0")/train_all.py" "$@"
