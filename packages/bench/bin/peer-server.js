#!/usr/bin/env node
import { main } from "../dist/peers/peer-server-main.js";
await main();
