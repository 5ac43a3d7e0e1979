#!/bin/sh
# What `make bench` needs of the system: a Java, for DynamoDB Local; and for a full run valgrind, which counts instructions.
set -eu
cd "$(dirname "$0")/.."
. localdev/system.sh

java -version >/dev/null 2>&1 || install_packages "DynamoDB Local needs a Java" default-jre-headless
[ -n "${QUICK:-}" ] || command -v valgrind >/dev/null || install_packages "Counting instructions needs valgrind" valgrind
