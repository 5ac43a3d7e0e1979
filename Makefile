# smsignal. `make` alone lists what can be done.
.DEFAULT_GOAL := help
.PHONY: help setup run up down test check bench chaos package deploy remove key revoke webhook attach detach subscribers replay dlq redrive route docs requirements clean
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python

help: ## list the targets
	@echo "usage: make <target> [VARIABLE=value]"
	@echo
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-13s %s\n", $$1, $$2 }'

setup: .venv/.ready ## make .venv with everything that development needs (the others do it by themselves)

.venv/.ready: requirements.txt requirements-dev.txt
	@sh localdev/setup.sh

run: .venv/.ready ## start the local stack, send a first text, show what happens until Ctrl-C [PROVIDER=sandbox]
	@$(PY) -m localdev run $(if $(PROVIDER),--provider "$$PROVIDER")

up: .venv/.ready ## start the local stack in the background [LOCAL_PORT=4566]
	@$(PY) -m localdev up

down: ## end the local stack
	@if [ -e .venv/.ready ]; then $(PY) -m localdev down; else echo "The stack is down already."; fi

test: .venv/.ready ## run the tests
	@$(PY) -m pytest

check: .venv/.ready ## lint, types, tests: what CI runs
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(PY) -m pytest

bench: .venv/.ready ## measure the budgets, the peers and the cost, and write docs/performance.md [QUICK=1]
	@sh bench/setup.sh
	@$(PY) -m bench $(if $(QUICK),--quick)

chaos: .venv/.ready ## 1,000 texts through a storm of faults, and a ledger of what came of them [TEXTS=1000] [SEED=1]
	@$(PY) -m localdev.chaos --texts $(or $(TEXTS),1000) --seed $(or $(SEED),1) --minutes $(or $(MINUTES),8)

package: .venv/.ready ## make the deployment package and its template [STAGE=dev]
	@$(PY) -m infra.package --stage $(or $(STAGE),dev) --out out/package

deploy: .venv/.ready ## deploy a stage to AWS; safe to repeat [STAGE=dev] [REGION=eu-west-1]
	@$(PY) -m infra.deploy --stage $(or $(STAGE),dev) $(if $(REGION),--region "$$REGION")

remove: .venv/.ready ## remove a deployed stage; what it stored stays: STAGE=dev [REGION=eu-west-1]
	@$(PY) -m infra.remove --stage $(STAGE) $(if $(REGION),--region "$$REGION")

key: .venv/.ready ## make an API key [SCOPES=send,read] [STAGE=local] [LABEL=what it is for]
	@$(PY) -m localdev key --stage $(or $(STAGE),local) $(if $(SCOPES),--scopes "$$SCOPES") $(if $(LABEL),--label "$$LABEL")

webhook: .venv/.ready ## where an API key's changes go: KEY=<id> [URL=https://…] [TYPES=] [STATUS=] [ROTATE=1] [ENABLE=1] [REMOVE=1] [SHOW=1] [STAGE=local]
	@$(if $(KEY),,$(error say whose: make webhook KEY=<an API key's id>))$(PY) -m localdev webhook --stage $(or $(STAGE),local) "$$KEY" $(if $(URL),--url "$$URL") $(if $(TYPES),--types "$$TYPES") $(if $(STATUS),--status "$$STATUS") $(if $(ROTATE),--rotate) $(if $(ENABLE),--enable) $(if $(REMOVE),--remove) $(if $(SHOW),--show)

attach: .venv/.ready ## have a function, queue, topic or state machine told: FUNCTION=<arn> [STATUS=delivered,…] [VIA=stream] [STAGE=local]
	@$(if $(FUNCTION),,$(error say what: make attach FUNCTION=<arn>))$(PY) -m localdev attach --stage $(or $(STAGE),local) "$$FUNCTION" $(if $(STATUS),--status "$$STATUS") $(if $(VIA),--via "$$VIA") $(if $(ROLE),--role "$$ROLE")

detach: .venv/.ready ## tell it no more: FUNCTION=<arn> [STAGE=local]
	@$(if $(FUNCTION),,$(error say what: make detach FUNCTION=<arn>))$(PY) -m localdev detach --stage $(or $(STAGE),local) "$$FUNCTION"

subscribers: .venv/.ready ## list who is told of changes [STAGE=local]
	@$(PY) -m localdev subscribers --stage $(or $(STAGE),local)

replay: .venv/.ready ## tell changes again: MESSAGE=<id>, or SINCE=<time> [UNTIL=<time>] [SUBSCRIBER=<name>] [STAGE=local]
	@$(PY) -m localdev replay --stage $(or $(STAGE),local) $(if $(MESSAGE),--message "$$MESSAGE") $(if $(SINCE),--since "$$SINCE") $(if $(UNTIL),--until "$$UNTIL") $(if $(SUBSCRIBER),--subscriber "$$SUBSCRIBER")

dlq: .venv/.ready ## list what was given up, with the reasons [STAGE=local]
	@$(PY) -m localdev dlq --stage $(or $(STAGE),local)

redrive: .venv/.ready ## put back what was given up: QUEUE=<name> as make dlq lists it [STAGE=local]
	@$(if $(QUEUE),,$(error say which: make redrive QUEUE=<a name from make dlq>))$(PY) -m localdev redrive --stage $(or $(STAGE),local) "$$QUEUE"

route: .venv/.ready ## which provider a text would get, and why, without sending it: TO=+33… [FROM=] [PRIORITY=] [STAGE=dev] [LIVE=1]
	@$(if $(TO),,$(error say to whom: make route TO=+33612345678))$(PY) -m infra.route --stage $(or $(STAGE),dev) --to "$$TO" $(if $(FROM),--from "$$FROM") $(if $(PRIORITY),--priority "$$PRIORITY") $(if $(LIVE),--live)

docs: .venv/.ready ## write the matrix of docs/providers.md anew from the adapters
	@$(PY) -m infra.matrix

revoke: .venv/.ready ## revoke an API key: KEY=<key or its id> [STAGE=local]
	@$(if $(KEY),,$(error say which one: make revoke KEY=<key or its id>))$(PY) -m localdev revoke --stage $(or $(STAGE),local) "$$KEY"

requirements: ## resolve requirements-dev.in anew into requirements-dev.txt (needs uv)
	@{ printf '%s\n' '# requirements-dev.in and all that it needs, for Python 3.10 and later. Made by: make requirements' \
	    '-r requirements.txt'; \
	  uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate --no-emit-index-url \
	    $$(sed -n 's/==.*//; s/^[a-z]/--no-emit-package &/p' requirements.txt) requirements-dev.in; \
	} > requirements-dev.new && mv requirements-dev.new requirements-dev.txt || { rm -f requirements-dev.new; exit 1; }

clean: down ## end the local stack and remove everything that was made, .venv too
	@rm -rf .venv .local out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
