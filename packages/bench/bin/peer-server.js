#!/usr/bin/env node
import { main } from "../dist/peer-server-main.js";
await main();
