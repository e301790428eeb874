# The commands of development; `make` alone lists them.

PORT ?= 8000
HOST ?= 127.0.0.1
PYTHON ?= python3.11
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen
MANAGE := $(RUN) python manage.py
# The broker runs without the test tools; this does not install or remove any.
SERVE := .venv/bin/python manage.py
# Tests run with default settings, whatever the environment and .env have for a real server.
CLEAN := env -u DATABASE_URL -u REDIS_URL -u REDIS_HOST -u VAR_DIR ENV_FILE=/dev/null
CODE := authentication banking be bench examples exchange portfolio manage.py

# Use the machine's own certificates, for networks whose proxy has one of its own.
export UV_SYSTEM_CERTS ?= true

.DEFAULT_GOAL := help
.PHONY: help install serving run runserver run-simulator prepare test test-fast test-servers test-oracle test-clients fuzz audit lint format picture \
	typecheck check migrate makemigrations createsuperuser shell seed bench docker-build docker-run

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-17s %s\n", $$1, $$2}'

install: .venv/installed ## get uv if it is missing, and all locked packages, those of the tests too

serving: .venv/serving # the locked packages that the broker runs on, a third of all

GET_UV = command -v $(UV) >/dev/null 2>&1 || { echo "Getting uv into .uv/ ..."; \
	$(PYTHON) -m venv .uv || python3 -m venv .uv; .uv/bin/pip install --quiet 'uv>=0.9'; }

.venv/serving: pyproject.toml uv.lock
	@$(GET_UV)
	@$(UV) sync --frozen --quiet --no-default-groups --group examples --inexact
	@touch $@

.venv/installed: pyproject.toml uv.lock
	@$(GET_UV)
	@$(UV) sync --frozen --quiet
	@touch $@ .venv/serving

run: serving ## the whole broker: server and simulator on PORT (8000)
	@$(SERVE) run_broker --host $(HOST) --port $(PORT)

prepare: serving
	@$(SERVE) migrate --verbosity 0
	@$(SERVE) seed_market

runserver: prepare ## only the server, on PORT (8000), reloading on changes
	@$(SERVE) runserver $(HOST):$(PORT)

run-simulator: prepare ## only the exchange simulator; DURATION=60 to end it after a minute
	@$(SERVE) run_exchange_simulator $(if $(DURATION),--duration $(DURATION))

test: install ## all tests on embedded defaults, with coverage
	@$(CLEAN) $(RUN) pytest -m "not servers and not oracle and not clients" -n 2 --dist loadgroup --cov --cov-report=term:skip-covered

test-fast: install ## the tests without coverage, stopping at the first failure
	@$(CLEAN) $(RUN) pytest -m "not servers and not oracle and not clients" -n 2 --dist loadgroup -x -q

test-servers: install ## what uses a database, and the many-process tests, on TEST_DATABASE_URL and TEST_REDIS_URL
	@test -n "$(TEST_DATABASE_URL)" -a -n "$(TEST_REDIS_URL)" || { \
		echo "Name the servers: make test-servers TEST_DATABASE_URL=postgresql://... TEST_REDIS_URL=redis://..."; exit 2; }
	@$(CLEAN) DATABASE_URL="$(TEST_DATABASE_URL)" REDIS_URL="$(TEST_REDIS_URL)" \
		TEST_DATABASE_URL="$(TEST_DATABASE_URL)" TEST_REDIS_URL="$(TEST_REDIS_URL)" \
		DATABASE_POOL_SIZE=20 $(RUN) pytest -m "not serverless and not oracle and not clients" -n 3 --dist loadgroup

test-oracle: install ## bonds, returns and risk compared with other libraries, installed for it (300 MB)
	@$(CLEAN) $(RUN) --group oracle pytest -m oracle

test-clients: install ## clients made from the schema by three generators, which are installed for it (170 MB, and npm's)
	@$(CLEAN) $(RUN) --group clients pytest -m clients be/tests/test_generated_clients.py

fuzz: install ## many requests made from the schema, others each time; EXAMPLES=200 for each operation
	@$(CLEAN) FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(RUN) pytest -n 2 be/tests/test_requests_from_the_schema.py

audit: install ## known holes in the installed packages; run it each week, it needs the network
	@$(RUN) python .ci/audit.py

lint: install ## style, weak places and layers
	@$(RUN) ruff check .
	@$(RUN) bandit --quiet --configfile pyproject.toml --recursive $(CODE)
	@$(RUN) ruff format --check .
	@$(CLEAN) $(RUN) lint-imports

format: install ## format the code
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

picture: install ## draw the picture of docs/architecture.md from the import contracts
	@$(RUN) python docs/draw_architecture.py

typecheck: install ## mypy, strict
	@$(CLEAN) $(RUN) mypy .

check: lint typecheck ## all checks that need no tests
	@$(RUN) python .ci/audit.py --if-reachable
	@$(RUN) python docs/draw_architecture.py --check
	@$(CLEAN) $(MANAGE) check
	@$(CLEAN) $(MANAGE) makemigrations --check --dry-run
	@$(CLEAN) $(MANAGE) spectacular --validate --fail-on-warn --file /dev/null
	@$(CLEAN) DEBUG=false SECRET_KEY=$$(head -c 45 /dev/urandom | base64) ALLOWED_HOSTS=broker.example EMAIL_URL=smtp+tls://mail.broker.example \
		BANKING_ENCRYPTION_KEY=$$(head -c 32 /dev/urandom | base64 | tr +/ -_) \
		IDENTITY_ENCRYPTION_KEY=$$(head -c 32 /dev/urandom | base64 | tr +/ -_) \
		$(MANAGE) check --deploy --fail-level WARNING

migrate: serving ## migrate the database
	@$(SERVE) migrate

makemigrations: install ## write migrations for changed models; ARGS="banking --name why"
	@$(MANAGE) makemigrations $(ARGS)

createsuperuser: serving ## create an administrator
	@$(SERVE) createsuperuser

shell: serving ## a Python shell with the project loaded
	@$(SERVE) shell

seed: prepare ## migrate, and fill an empty market

bench: install ## measure speed, as ratios against a limit taken in the same run
	@$(CLEAN) $(RUN) python -m bench

docker-build: ## build the image
	@docker build --tag brokerpro .

docker-run: ## run the image, settings from .env
	@docker run --rm --env-file .env --publish $(PORT):8000 brokerpro
