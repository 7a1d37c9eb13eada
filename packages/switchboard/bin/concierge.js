#!/usr/bin/env node
import { runConcierge } from "../dist/index.js";
await runConcierge();
