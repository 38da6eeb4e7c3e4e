# `make` tells what there is. Each target is one line; what it does is written in infra/.
# python3 and make are all that has to be there; uv, Node and Go are brought when they are missing. Variables given
# on the command line (PORT=9000) reach the programs as environment variables.
PYTHON ?= python3
SETUP := $(PYTHON) -m infra.setup

.DEFAULT_GOAL := help
.PHONY: help demo livekit setup test soak check bench lock clean

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 } /^#: ?/ { sub(/^#: ?/, ""); print }' $(MAKEFILE_LIST)

demo: ## talk to it: install what is missing, fetch the models, start everything, open the page that it names
	@$(SETUP) && exec .venv/bin/visavis demo

livekit: ## the same through a real livekit-server, which is built on first use; with LIVEKIT_URL set, through that one
	@$(SETUP) && exec .venv/bin/python -m infra.livekit_up

setup: ## install only: .venv and the page
	@$(SETUP)

test: ## every test that runs on the build machine; ARGS="tests/protocol -k hello" for some of them
	@$(SETUP) --dev && .venv/bin/python -m infra.suite $(ARGS)

soak: ## the long tests
	@$(SETUP) --dev && .venv/bin/python -m infra.suite --soak $(ARGS)

check: ## linter, format, types, import rules
	@$(SETUP) --dev && .venv/bin/python -m infra.checks

bench: ## measure, and print the tables of bench/
	@$(SETUP) && .venv/bin/visavis bench $(ARGS)

lock: ## write the locks anew; ARGS=--upgrade takes newer versions
	@$(PYTHON) -m infra.lock $(ARGS)

clean: ## remove what was installed and built here; models and livekit-server stay in the user's cache
	@rm -rf .venv .tools web_client/node_modules web_client/*/node_modules web_client/*/dist web_client/sdk/examples/node_modules web_client/sdk/examples/dist .*_cache test-results

#:
#: Settings go on the command line or into the environment:
#:   make demo PORT=9000          another port than 8080
#:   make demo MODELS=lite        full (1.4 GB, a language model of its own), lite (292 MB, answers from a small list), auto (the default: by memory and disk)
#:   make demo LLM=ollama/NAME    a language model that you have: in Ollama, or LLM='http://ADDRESS/v1#MODEL' (LLM_API_KEY=… if it wants a key)
#:   make livekit LIVEKIT_URL=wss://… LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=…
#: Everything else: .venv/bin/visavis config show
