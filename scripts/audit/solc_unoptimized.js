#!/usr/bin/env node
"use strict";
require("../solc.js").answer(require("./unoptimized.js"));
