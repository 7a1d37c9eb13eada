#!/usr/bin/env node
import "../dist/load/load-main.js";
