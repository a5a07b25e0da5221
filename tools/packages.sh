# To be read by other scripts: what packages are called on this system.

# usage: how_to_get venv|headers|compiler|make VERSION
# Prints the command that installs it, for Python VERSION (3.13, say) where that matters.
how_to_get() {
    system=$(uname -s)
    if [ "$system" = Darwin ]; then
        case $1 in
            compiler | make) echo "xcode-select --install" ;;
            *) echo "brew install python@$2" ;;
        esac
        return
    fi
    # Derived systems name in ID_LIKE what they are derived from.
    ids=$( (. "${OS_RELEASE:-/etc/os-release}" && echo "$ID ${ID_LIKE:-}") 2>/dev/null)
    for id in $ids; do
        case $id:$1 in
            debian:venv | ubuntu:venv) echo "apt install python$2-venv" ;;
            debian:headers | ubuntu:headers) echo "apt install python$2-dev" ;;
            debian:compiler | ubuntu:compiler) echo "apt install g++" ;;
            # Fedora's own version has no number in its packages' names.
            fedora:venv | rhel:venv) echo "dnf install $(fedora_python "$2")" ;;
            fedora:headers | rhel:headers) echo "dnf install $(fedora_python "$2")-devel" ;;
            fedora:compiler | rhel:compiler) echo "dnf install gcc-c++" ;;
            arch:venv | arch:headers) echo "pacman -S python" ;;
            arch:compiler) echo "pacman -S gcc" ;;
            *) continue ;;
        esac
        return
    done
    case $1 in
        venv) echo "install venv and ensurepip for Python $2" ;;
        headers) echo "install the headers (Python.h) of Python $2" ;;
        compiler) echo "install g++" ;;
    esac
}

fedora_python() {
    own=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
    if [ "$own" = "$1" ]; then echo python3; else echo "python$1"; fi
}
