// What tests of other packages use.
export { LinkAccess } from "../src/access/link-access.ts";
export { Membership } from "../src/cluster/membership.ts";
export { argumentsOf } from "../src/options/known-variables.ts";
export * from "./access/support.ts";
