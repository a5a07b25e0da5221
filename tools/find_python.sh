# To be read by other scripts: the Pythons of this machine.

SUPPORTED="3.14 3.13 3.12 3.11"

# usage: find_python 3.13      prints the path of a Python of that version, or nothing
find_python() {
    for candidate in "python$1" python3 "$HOME/.pyenv/versions/$1."*/bin/python \
        "$(uv python find --no-project "$1" 2>/dev/null)"; do
        # A shim of pyenv may be there without the version that it is for.
        if [ -n "$candidate" ] && [ "$(version_of "$candidate")" = "$1" ]; then
            command -v "$candidate"
            return
        fi
    done
}

# usage: version_of PYTHON     prints 3.13, say; nothing where it does not run
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
