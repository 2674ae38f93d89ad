# For the launch scripts: the Python interpreter, and where the processes meet.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"

# The active environment's Python, else the one of `make install`.
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x "$ROOT/.venv/bin/python" ]; then
        PYTHON="$ROOT/.venv/bin/python"
    fi
fi

NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
# Several machines need the same port; one machine takes any free port.
if [ -z "${PORT:-}" ] && [ "$NNODES" -eq 1 ]; then
    PORT=$("$PYTHON" -c 'import socket
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    print(server.getsockname()[1])')
elif [ "$NODE_RANK" -eq 0 ]; then
    PORT=${PORT:-29500}
    "$PYTHON" -c 'import socket, sys
try:
    socket.create_server(("", int(sys.argv[1]))).close()
except (OSError, OverflowError, ValueError) as error:
    sys.exit(f"port {sys.argv[1]}, where the processes meet, cannot be used: "
             f"{error}. Choose another port: PORT=...")' "$PORT"
fi
PORT=${PORT:-29500}
