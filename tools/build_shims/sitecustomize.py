"""On PYTHONPATH while pip builds Theano 1.0.5, whose setup.py asks for what Python 3.12 removed."""

import configparser

if not hasattr(configparser, "SafeConfigParser"):

    class SafeConfigParser(configparser.ConfigParser):
        readfp = configparser.ConfigParser.read_file

    configparser.SafeConfigParser = SafeConfigParser
