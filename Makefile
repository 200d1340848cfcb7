# Two commands set everything up: `make demo` tries the program, `make test` runs every check.
# Python packages go into .venv, from the package index that your pip uses. Set PYTHON=... to choose the Python.

.NOTPARALLEL:
.PHONY: help demo test test-fast lint ruff fix build bench builtin-model image-encoder torture fuzz clean python ffmpeg

RUN := .venv/bin/python -m
# The demo has an index of its own, and pays no heed to your settings.
MMSEARCH := MMSEARCH_CONFIG=/dev/null $(RUN) mmsearch
DEMO := --index build/demo

help:
	@echo "make demo   set up everything, index sample_corpus/media, answer three queries"
	@echo "make test   set up everything and the development tools, run every check and test"
	@echo "make test-fast  the quick tests alone, under a minute: no models, no kills, no whole runs of media"
	@echo "make lint   ruff and mypy alone"
	@echo "make fix    ruff: formats the code, and mends what it can"
	@echo "make build  wheel and source distribution in dist/, without a network"
	@echo "make bench  the benchmarks; ARGS='--help' shows what can be chosen"
	@echo "make builtin-model  draw pictures and train the built-in picture classifier from nothing; two hours on 2 cores"
	@echo "make torture  kills runs at hundreds of places and moments and looks for what is lost (half an hour)"
	@echo "make fuzz  ten minutes of hostile inputs for each of our parsers"
	@echo "make clean  remove build/ and caches; .venv stays"

demo: .venv/ready-demo
	@echo "Indexing sample_corpus/media, 64 files of an invented ferry company, into build/demo."
	@$(MMSEARCH) index $(DEMO) sample_corpus/media
	@echo
	@echo "A moment of an interview: mmsearch query 'children had their lessons by radio'"
	@$(MMSEARCH) query $(DEMO) -k 3 "children had their lessons by radio"
	@echo
	@echo "A page of a scanned PDF, read by OCR: mmsearch query 'plate thickness measured by ultrasound'"
	@$(MMSEARCH) query $(DEMO) -k 3 "plate thickness measured by ultrasound"
	@echo
	@echo "A chart, by what it shows: mmsearch query 'share of ticket revenue by route' --kind image"
	@$(MMSEARCH) query $(DEMO) -k 3 --kind image "share of ticket revenue by route"
	@echo
	@echo "Now yours: .venv/bin/mmsearch index FOLDER, then .venv/bin/mmsearch query WORDS"

# mypy takes more than a minute in a fresh clone, and one processor: it runs beside the tests. Either fails both.
test: ruff
	@$(RUN) mypy & mypy=$$!; \
	$(RUN) pytest -n 2 --dist worksteal; tests=$$?; \
	wait $$mypy; types=$$?; \
	[ $$tests = 0 ] || echo "pytest failed: see above."; \
	[ $$types = 0 ] || echo "mypy failed: see above."; \
	[ $$tests = 0 ] && [ $$types = 0 ]

lint: ruff
	$(RUN) mypy

ruff: .venv/ready-test
	$(RUN) ruff check .
	$(RUN) ruff format --check .

# Tests of single parts and of the shape of the code. Whole runs, kills and replicas of models are in `make test` alone.
FAST := tests/test_structure.py tests/test_docs.py tests/discovery tests/output tests/evaluation \
  $(addprefix tests/store/test_store_, ann.py catalogue.py schema.py words.py parts.py) \
  tests/cli/test_cli_config.py tests/cli/test_cli_parsing.py tests/extraction/test_extraction_wire.py

test-fast: .venv/ready-test
	$(RUN) pytest -n 2 $(FAST)

fix: .venv/ready-test
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

# In .venv, with its setuptools. What an earlier build left in build/lib would be in the wheel, so it goes first.
build: .venv/ready-demo
	rm -rf build/lib build/bdist.* dist
	$(RUN:-m=-c) "from setuptools import build_meta; build_meta.build_wheel('dist'); build_meta.build_sdist('dist')"
	@ls -l dist

bench: .venv/ready-demo
	$(RUN) benchmarks $(ARGS)

# From nothing to mmsearch/models/picture_weights. With free typefaces of Debian, unpacked beside the pictures and nowhere
# else; other systems go without, and train on fewer typefaces.
builtin-model: .venv/ready-demo build/fonts
	$(RUN) training --fonts build/fonts $(ARGS)

FONTS := $(addprefix fonts-, b612 breip cantarell cmu comic-neue crosextra-carlito dejavu-core dkg-handwriting \
  ebgaramond ecolier-court elusive-icons femkeklaver firacode font-awesome freefont-ttf gfs-didot hack humor-sans \
  inconsolata kristi lato liberation liberation2 linuxlibertine materialdesignicons-webfont noto-color-emoji \
  open-sans play quicksand roboto-unhinted rufscript sil-andika symbola vollkorn)

build/fonts:
	@rm -rf build/fonts.new && mkdir -p build/fonts.new
	@if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then \
	  cd build/fonts.new && for name in $(FONTS); do \
	    apt-get download -q $$name 2>/dev/null || echo "There is no package $$name here: one typeface less."; \
	  done; \
	  for file in *.deb; do [ -f "$$file" ] && dpkg-deb -x "$$file" . && rm "$$file"; done; true; \
	else echo "No Debian packages here: the pictures are drawn with the typefaces of this system."; fi
	@mv build/fonts.new build/fonts

# The heads of the image encoder, from nothing to mmsearch/models/image_encoder_weights.
image-encoder: .venv/ready-demo build/fonts
	$(RUN) training features heads labels --fonts build/fonts $(ARGS)

torture: .venv/ready-test
	$(RUN) benchmarks.torture $(ARGS)
	$(RUN) benchmarks.readers

fuzz: .venv/ready-test
	$(RUN) benchmarks.fuzz $(ARGS)

clean:
	rm -rf build dist mmsearch.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find mmsearch training tests benchmarks sample_corpus -name __pycache__ -prune -exec rm -rf {} +

BOX := languages eyes speech

# The build runs inside .venv, so that a repeated installation needs no network.
.venv/ready-demo .venv/ready-test: .venv/ready-%: .venv/bin/python pyproject.toml constraints.txt | ffmpeg
	@echo "Installing into .venv: about 2.4 GB the first time, a minute or more."
	@$(RUN) pip install -c constraints.txt setuptools
	@$(RUN) pip install -c constraints.txt --no-build-isolation -e '.$(if $(filter test,$*),[dev])'
	@$(RUN) pip install -c constraints.txt --no-build-isolation -e '.[box]' || for extra in $(BOX); do \
	  $(RUN) pip install -c constraints.txt --no-build-isolation -e ".[$$extra]" || \
	  echo "[$$extra] is not to be had here: mmsearch works without it, and mmsearch doctor says what is missing."; done
	@.venv/bin/python -c "import torchcodec" 2>/dev/null || { \
	  echo "The FFmpeg on this machine has no shared libraries that torchcodec can load (FFmpeg 4 to 8)."; exit 1; }
	@touch .venv/ready-demo $@

.venv/bin/python:
	@if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- python3 python3.13 python3.12 python3.11; fi; \
	for python; do \
	  if "$$python" -c 'import sys, venv, ensurepip, sqlite3; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making .venv with $$("$$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')."; \
	    exec "$$python" -m venv --clear .venv; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer with venv was found as $$*."; \
	echo "Install one (Debian, Ubuntu: sudo apt-get install python3 python3-venv; macOS: brew install python),"; \
	echo "or name it: make PYTHON=/path/to/python3.12 demo"; exit 1

ffmpeg:
	@if command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; then exit 0; fi; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ffmpeg; exit $$?; \
	fi; \
	echo "FFmpeg is missing: sound and video are decoded with its libraries. Install it, then run make again:"; \
	if command -v apt-get >/dev/null; then echo "    sudo apt-get install ffmpeg"; \
	elif command -v brew >/dev/null; then echo "    brew install ffmpeg"; \
	else echo "    install the package ffmpeg, version 4 to 8, with your package manager"; fi; exit 1
