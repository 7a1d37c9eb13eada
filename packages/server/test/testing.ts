// What tests of other packages use.
export { LinkAccess } from "../src/access/link-access.ts";
export { Membership } from "../src/cluster/membership.ts";
export { parseNodeOptions } from "../src/node/node-options.ts";
export * from "./access/support.ts";
