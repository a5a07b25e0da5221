# The suite and what its scripts need, on Debian 13 with its own Python.
#
#     docker build --tag binarized-memorization .
#     docker run --rm binarized-memorization
#     docker run --rm --volume "$PWD/results:/suite/results" binarized-memorization \
#         .venv/bin/python svhn_random_labels.py --synthetic --epochs 2
FROM debian:trixie-slim
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends --yes \
        ca-certificates g++ git make python3.13 python3.13-dev python3.13-venv && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /suite
COPY . .
RUN make venv
CMD ["make", "demo"]
