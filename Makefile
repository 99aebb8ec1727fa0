# `make run [VIDEO=path]` and `make test` do all the set-up themselves; see dev/make.py.
# The newest Python >= 3.11 that is there.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { echo $$p; exit; }; done; echo python3)

.PHONY: run test lint soak setup demo-model clean

run:
	@$(PYTHON) dev/make.py run $(if $(VIDEO),"$(VIDEO)")

test:
	@$(PYTHON) dev/make.py test $(ARGS)

lint:
	@$(PYTHON) dev/make.py lint

soak:
	@$(PYTHON) dev/make.py soak $(ARGS)

setup:
	@$(PYTHON) dev/make.py setup

demo-model:
	@$(PYTHON) dev/make.py demo-model

clean:
	rm -rf .venv .build out dist
