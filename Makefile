# Every target is one command of the project; `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LABELSTUDIO := .venv-labelstudio
PIP := "$(BIN)/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help install install-dev run up down clean labelstudio psql test soak lint bench lock

help: ## list all targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(VENV)/.installed: requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Sluice needs Python 3.11, 3.12 or 3.13: run make PYTHON=python3.12 …"; exit 1; }
	@echo "Installing the locked requirements into $(VENV) (a few minutes the first time) …"
	@test -x "$(BIN)/python" || "$(PYTHON)" -m venv "$(VENV)"
	@$(PIP) -r requirements.txt
	@touch "$@"

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@# jsonpath-rw, which mlcroissant needs, is plain Python and has no wheel.
	@$(PIP) --no-binary jsonpath-rw -r requirements-dev.txt
	@touch "$@"

# Label Studio pins other versions of what Sluice uses, so the two never share an environment.
$(LABELSTUDIO)/.installed: requirements-labelstudio.txt | $(VENV)/.installed-dev
	@echo "Installing the locked Label Studio into $(LABELSTUDIO) (800 MB; a minute or two the first time) …"
	@"$(BIN)/uv" venv --quiet --clear --python "$(BIN)/python" "$(LABELSTUDIO)"
	@# These five are plain Python and have no wheel.
	@"$(BIN)/uv" pip install --quiet --python "$(LABELSTUDIO)/bin/python" --require-hashes --only-binary :all: \
		$(addprefix --no-binary ,attr django-ranged-fileresponse drf-flex-fields drf-generators ordered-set) \
		-r requirements-labelstudio.txt
	@touch "$@"

install: $(VENV)/.installed ## make .venv and install the locked requirements
install-dev: $(VENV)/.installed-dev ## the same, and what tests and lint need

run: install ## do the main job once: collect, gate, balance, publish, summary
	@"$(BIN)/python" -m include.local run

up: install ## start everything and leave it running; another port: make up PORT=8081
	@"$(BIN)/python" -m include.local up $(if $(PORT),--port "$(PORT)")

down: install ## stop what `make up` started
	@"$(BIN)/python" -m include.local down

labelstudio: $(LABELSTUDIO)/.installed ## install Label Studio apart, and start it on this machine: [PORT=8082]
	@"$(BIN)/python" -m include.local labelstudio $(if $(PORT),--port "$(PORT)")

clean: ## stop everything and remove .local/ (databases, logs, passwords)
	@if test -x "$(BIN)/python"; then "$(BIN)/python" -m include.local clean; else rm -rf .local; fi

# SQL reaches the shell through the environment, so that it may hold quotes.
psql: export SLUICE_SQL = $(SQL)
psql: install ## open the warehouse, or run one statement: make psql SQL='…' [DB=shop]
	@"$(BIN)/python" -m include.local psql $(if $(DB),-d "$(DB)") -c "$$SLUICE_SQL"

test: install-dev ## run every test
	@"$(BIN)/python" -m pytest -n 2 --dist loadgroup

soak: install-dev ## try to break the change reader for minutes: make soak [SECONDS=180] [SEED=1]
	@"$(BIN)/python" -m tests.soak --seconds "$(or $(SECONDS),180)" --seed "$(or $(SEED),1)"

lint: install-dev ## formatting, lint, types, import contracts
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/ruff" check .
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports" --no-logo

bench: install-dev ## run benchmarks/, or one: make bench NAME=line
	@"$(BIN)/python" -m benchmarks $(NAME)

lock: install-dev ## resolve requirements*.in into the locks
	@"$(BIN)/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" requirements.in -o requirements.txt
	@"$(BIN)/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt
	@"$(BIN)/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" requirements-labelstudio.in -o requirements-labelstudio.txt
