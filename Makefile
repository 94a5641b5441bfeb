# Each target sets up what it needs (once, in .venv), then does it. `make help` lists them.
# On a computer without make: python course_lib/bootstrap.py TARGET

.DEFAULT_GOAL := help
CANDIDATES := python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; exit; fi; done; echo python3)
COURSE = $(PYTHON) course_lib/bootstrap.py

.PHONY: help setup lab lessons grade doctor report bundle test test-fast test-browser bench edit notebook clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: ## create the environment and install the course, nothing more
	@$(COURSE) setup

lab: ## open JupyterLab on lesson 00 (students start here); ARGS=--no-browser
	@$(COURSE) lab $(ARGS)

lessons: ## generate lessons/ from solutions/; CHECK=1 only compares, and fails where they differ
	@$(COURSE) lessons $(LESSON) $(if $(CHECK),--check)

grade: ## grade a class: LESSON=01-tokens EXPORT=folder-or-zip; without EXPORT a demo class; ARGS=--unprotected
	@$(COURSE) grade $(or $(LESSON),00-start-here) $(if $(EXPORT),--export "$(EXPORT)") $(if $(DUE),--due "$(DUE)") $(ARGS)

doctor: ## is this machine fit to run students' code? says what is missing, and tries
	@$(COURSE) doctor

report: ## write the page about a graded class into report/: LESSON=01-tokens
	@$(COURSE) report $(or $(LESSON),00-start-here) $(if $(TO),--to "$(TO)")

bundle: ## write the zip that a class receives, into dist/
	@$(COURSE) bundle

test: ## everything: unit tests, grader banks, structure rules, all solution notebooks
	@$(COURSE) test

test-fast: ## the quick part of the tests, in under 3 minutes
	@$(COURSE) test-fast

test-browser: ## JupyterLab, Assignment List and formgrader in Chromium; pictures in build/browser
	@$(COURSE) test-browser

bench: ## the side-by-side speed measurements
	@$(COURSE) bench

edit: ## write a lesson as text into scratch/: LESSON=01-tokens
	@$(COURSE) edit $(LESSON)

notebook: ## turn scratch/LESSON.py into the executed notebook and its release: LESSON=01-tokens
	@$(COURSE) notebook $(LESSON)

clean: ## remove the environment and what was built (lessons/, scratch/ and marks stay)
	rm -rf .venv build dist *.egg-info .pytest_cache .hypothesis
