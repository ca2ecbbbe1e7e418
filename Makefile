# Needs python3 (3.11 or newer, with venv), make and git. Everything else goes into .venv and .venv-wheel.

PYTHON ?= python3
BIN := .venv/bin
WHEEL_BIN := .venv-wheel/bin
# What the tests need beside them when they are run against the wheel; src and rules are not among it.
TESTED := tests samples docs benchmarks README.md pyproject.toml
# What could be different in a wheel: its rules come compiled, its files lie elsewhere. The other tests of whole runs are
# asked of a copy of the package whose rules are compiled, too.
WHEEL_TESTS := $(addprefix tests/,linter/test_linter.py linter/test_controls.py test_readme.py linter/test_rules.py \
  test_samples.py cli/test_config_schema.py) \
  $(addprefix tests/cli/test_,arguments.py catalogue.py check.py configuration.py controls.py \
  network.py own_rules.py startup.py)

# What several tests of one file share is made once. tests/conftest.py orders the files.
PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder

# Of slow tests, everyday runs take a random share, which changes with the commit. The header of a run shows its seed.
CHANCE := --seed=$(or $(SEED),$(shell git rev-parse --short HEAD 2>/dev/null || date +%F))
EVERYDAY := --part=everyday $(CHANCE)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# LATEST=yes and LOWEST=yes run the tests with the newest and the lowest run-time dependencies that pyproject.toml allows;
# everything else comes from the lock files. The names of the stamps tell these environments apart.
MODE := $(if $(LATEST),-latest,$(if $(LOWEST),-lowest))
ifdef MODE
define install-bounds
$(@D)/bin/python .github/development/bounds.py $(MODE:-%=%) >$(@D)/bounds.txt
$(@D)/bin/pip install --quiet --upgrade --requirement $(@D)/bounds.txt
endef
endif

# Write bytecode even if the environment forbids it: the tests start hundreds of processes, each of which would
# otherwise compile its modules again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test lint check check-source slow check-wheel install-wheel extension fuzz bench wheel docs samples pages lock clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/kvlint$(MODE) ## set up, and run kvlint on the samples
	@for input in samples/*/main.tf samples/*/plan.json samples/*/main.bicep samples/*/main.json; do \
	  printf '\n$$ kvlint %s\n' "$$input"; \
	  status=0; $(BIN)/kvlint "$$input" || status=$$?; \
	  printf '(exit code %s)\n' "$$status"; \
	  [ "$$status" -le 1 ] || exit "$$status"; \
	done

# Style and types are checked with the lock alone: import-linter needs a later Rich than the lowest.
test: $(if $(LOWEST),,lint) check-source check-wheel ## every check, then the tests once more against the built wheel

lint: .venv/dev$(MODE) ## style, format, types, import layers, workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$$PWD/$(BIN):$$PATH" $(BIN)/jactionlint --strict-exit
	$(BIN)/zizmor --offline --persona pedantic --quiet .

check: .venv/dev$(MODE) ## style, types and tests of one room of the package, in seconds; ROOM=NAME
	$(BIN)/ruff check --quiet $(if $(ROOM),src/azkvlint/$(ROOM) tests/$(ROOM),$(error make check ROOM=derived, for example))
	$(BIN)/ruff format --check --quiet src/azkvlint/$(ROOM) tests/$(ROOM)
	$(BIN)/mypy src/azkvlint/$(ROOM) tests/$(ROOM)
	$(BIN)/lint-imports >/dev/null
	$(BIN)/python -m pytest $(EVERYDAY) tests/$(ROOM)

check-source: .venv/dev$(MODE) ## the tests, and a random share of the slow ones; SEED=TEXT repeats a share
	$(BIN)/python -m pytest $(PARALLEL) $(EVERYDAY)

slow: .venv/dev$(MODE) ## all slow tests, of which the other targets run a share
	$(BIN)/python -m pytest $(PARALLEL) --part=slow $(CHANCE)

check-wheel: install-wheel ## the tests of whole runs against the wheel, with src and rules out of sight
	@python="$$PWD/$(WHEEL_BIN)/python" && away=$$(mktemp -d) && trap 'rm -rf "$$away"' EXIT && \
	  cp -R $(TESTED) "$$away" && cd "$$away" && \
	  "$$python" -c 'import azkvlint; print("testing", azkvlint.__file__); assert "site-packages" in azkvlint.__file__' && \
	  "$$python" -m pytest $(PARALLEL) $(EVERYDAY) $(WHEEL_TESTS)

# BUILT=yes takes the wheel that lies in dist as it is: what a release publishes is built once.
install-wheel: $(if $(BUILT),,wheel) .venv-wheel/test$(MODE)
	$(WHEEL_BIN)/pip uninstall -qq --yes azkvlint
	$(WHEEL_BIN)/pip install --quiet --no-deps --no-index dist/*.whl
	$(WHEEL_BIN)/pip check

extension: .venv/dev$(MODE) ## build, test and package the extension for Visual Studio Code; needs npm and the network
	cd editors/vscode && npm ci && npm run lint && KVLINT="$(CURDIR)/$(BIN)/kvlint" npm test && npm run package

# COUNT=N, JOBS=N (the number of processors by default), SEED=N (random by default), SAVE=FOLDER for what fails.
COUNT ?= 200000
fuzz: .venv/dev$(MODE) ## run kvlint on mutated inputs; COUNT=N, JOBS=N, SEED=N, SAVE=FOLDER
	$(BIN)/python -m tests.fuzz --count $(COUNT) $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(SAVE),--save "$(SAVE)") $(addprefix --corpora ,$(wildcard ../shared/corpora))

bench: install-wheel ## precision and speed of the wheel; KVGEN=FOLDER names the generator of plans
	$(WHEEL_BIN)/pip install --quiet 'pip>=25.1'
	$(WHEEL_BIN)/pip install --quiet --group bench
	$(WHEEL_BIN)/python benchmarks/score.py --kvgen "$(KVGEN)"
	$(WHEEL_BIN)/python benchmarks/speed.py --kvgen "$(KVGEN)"

wheel: .venv/dev$(MODE) ## sdist and wheel into dist, the wheel built from the sdist
	rm -rf dist
	$(BIN)/python -m build --no-isolation

docs: .venv/dev$(MODE) ## the documentation as a site, in the folder site; SITE_URL=URL says where it will be
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

samples: .venv/dev$(MODE) ## update the expected output of the samples, and the pages and pictures with output
	$(BIN)/python -m pytest --write-expected tests/test_samples.py tests/linter/test_controls.py
	$(BIN)/python -m pytest --write-expected tests/cli/test_config_schema.py tests/test_extension.py tests/cli/test_option_values.py
	$(MAKE) pages

pages: .venv/dev$(MODE) ## update the output, the pictures and the generated parts of the README and of docs/
	$(BIN)/python -m pytest --write-expected tests/test_readme.py tests/test_documents.py

# What is pinned stays as it is where it can; Dependabot upgrades. No name of a server may get into the files.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
lock: .venv/dev$(MODE) ## pin what the action, the tests and the demo install; needs the network
	$(BIN)/pip install --quiet 'pip>=25.1'
	$(BIN)/pip install --quiet --group lock
	cd .github/action && "$(CURDIR)/$(BIN)/pip-compile" --quiet --generate-hashes --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file=requirements.txt requirements.in
	cd .github/development && for name in dev test; do \
	  "$(CURDIR)/$(BIN)"/$(COMPILE) --output-file $$name.txt $$name.in || exit; done

clean: ## remove what the other targets made
	rm -rf .venv .venv-wheel dist site .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf editors/vscode/node_modules editors/vscode/dist editors/vscode/out
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made .venv-wheel/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kvlint needs Python 3.11 or newer")'
	$(PYTHON) -m venv --clear $(@D)
	@touch $@

# An editable install with nothing but the run-time dependencies and those of the build, from the lock of the action.
.venv/kvlint$(MODE): pyproject.toml hatch_build.py .github/action/requirements.txt | .venv/made
	@rm -f .venv/kvlint* .venv/dev*
	$(BIN)/pip install --quiet --require-hashes --requirement .github/action/requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	$(install-bounds)
	@touch $@

.venv/dev$(MODE): .venv/kvlint$(MODE) .github/development/dev.txt
	@rm -f .venv/dev*
	$(BIN)/pip install --quiet --require-hashes --requirement .github/development/dev.txt
	$(install-bounds)
	@touch $@

.venv-wheel/test$(MODE): pyproject.toml .github/development/test.txt | .venv-wheel/made
	@rm -f .venv-wheel/test*
	$(WHEEL_BIN)/pip install --quiet --require-hashes --requirement .github/development/test.txt
	$(install-bounds)
	@touch $@
