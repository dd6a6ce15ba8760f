# The engine's processes for compose.yaml; the database and the brokers have images of their own.
FROM python:3.13-slim AS packages
WORKDIR /engine
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md ./
COPY api api
COPY consumers consumers
COPY contracts contracts
COPY domain domain
COPY engine engine
COPY ledger ledger
COPY projections projections
COPY wattledger wattledger
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 wattledger
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER wattledger
WORKDIR /home/wattledger
# The folders of keys (of decisions, of partners' tokens, of anchors) and of heads, which are volumes of all pieces.
RUN mkdir -p .wattledger/decision-keys .wattledger/secrets .wattledger/heads .wattledger/anchor-keys
CMD ["wattledger", "--help"]
