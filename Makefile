# Everything a person runs: `make run`, `make test`, `make check`. `make help` lists the rest.
# Needs make and Python 3.11 or newer with venv; the rest is installed into .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON3 ?= python3
NPM := $(shell command -v npm)
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
# Runs a command with the variables of `.env`; those of the environment win.
WITH_ENV := $(if $(wildcard .env),$(BIN)/dotenv --file .env run --no-override --)

.DEFAULT_GOAL := help
.PHONY: help run test check check-page lock audit bench soak lighthouse screenshots clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: $(VENV)/installed ## serve on http://127.0.0.1:8000 (HOST, PORT)
	@exec $(WITH_ENV) sh -c ' \
	  export HOST="$${HOST:-127.0.0.1}" PORT="$${PORT:-8000}"; \
	  $(BIN)/python manage.py setup && \
	  exec $(BIN)/uvicorn samurai_site.asgi:application --host "$$HOST" --port "$$PORT" \
	    --ws chat.socket_protocol:SocketProtocol --ws-max-size 1048576 --ws-per-message-deflate false \
	    --ws-ping-interval 45 --loop uvloop --no-access-log --timeout-graceful-shutdown 2'

# Three workers, each with a server and a browser: with more, two cores take longer. What one process has
# compiled, the hundreds of others read.
test: $(VENV)/installed-dev ## run the tests (ARGS="-k words" for some of them, "-n 0" in one process)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest --numprocesses 3 --dist worksteal $(ARGS)

check: $(VENV)/installed-dev check-page ## check lint, format, types, imports, templates, migrations, scripts and styles
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python manage.py makemigrations --check --dry-run

# Without npm the scripts and styles are not checked; with CI=true that is a failure.
ifneq ($(NPM),)
check-page: node_modules/.package-lock.json
	node_modules/.bin/tsc
	node_modules/.bin/stylelint "static/**/*.css"
else ifeq ($(CI),true)
check-page:
	@echo "npm is missing: it is needed to check scripts and styles" >&2; exit 1
else
check-page:
	@echo "npm is missing: scripts and styles are not checked"
endif

# For all platforms, from Python 3.11 on. Locked versions stay, unless a requirement excludes them.
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-strip-extras --annotation-style line

lock: $(BIN)/pip ## lock the versions and hashes of all packages (UPGRADE=--upgrade for the newest)
	$(PIP) install uv==0.13.9
	$(LOCK) $(UPGRADE) requirements.txt --output-file requirements.lock
	$(LOCK) $(UPGRADE) requirements-dev.txt --constraint requirements.lock --output-file requirements-dev.lock

audit: $(VENV)/audit/installed ## look the locked packages up among the known vulnerabilities
	$(VENV)/audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip

# In an environment of its own, since it requires other versions.
$(VENV)/audit/installed: | $(BIN)/pip
	$(PYTHON3) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip --quiet --quiet --disable-pip-version-check install pip-audit==2.10.1
	@touch $@

bench: $(VENV)/installed-dev ## measure what has a limit, in ten minutes (ARGS="stream connect --json FILE")
	@$(BIN)/python benchmarks/run.py $(ARGS)

soak: $(VENV)/installed-dev ## kill, stop and load a server for a long time (ARGS="kills stops")
	@$(BIN)/python benchmarks/soak.py $(ARGS)

lighthouse: $(VENV)/installed-dev ## run Lighthouse on the session page; needs npm and Chromium
	@$(BIN)/python benchmarks/lighthouse.py

screenshots: $(VENV)/installed-dev ## take the pictures of docs/images; needs Chromium
	@$(BIN)/python docs/screenshot.py

clean: ## remove what was installed and cached; the data in var/ stays
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The target is pip and not python: a venv that broke off half-way has only the latter.
$(BIN)/pip:
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Samurai Agent needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with PYTHON3=...")'
	$(PYTHON3) -m venv $(VENV)

$(VENV)/installed: requirements.lock | $(BIN)/pip
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock | $(BIN)/pip
	$(PIP) install --no-compile --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/installed

node_modules/.package-lock.json: package.json package-lock.json
	$(NPM) ci --no-audit --no-fund --loglevel error
	@touch $@
