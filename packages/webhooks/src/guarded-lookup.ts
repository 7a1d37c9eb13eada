// Resolves a host name to the addresses that may be connected to. Node connects to the result of the lookup without
// resolving the name again, so a name that changes its address in between (DNS rebinding) has no effect.
import { lookup } from "node:dns/promises";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import type { AddressGuard } from "./address-guard.ts";

/** Returns all addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** No address of the name may be connected to. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/**
 * Creates a lookup for `http(s).request` and `net.connect` that leaves out the addresses that the guard refuses. If none
 * is left, it fails with {@link AddressRefused}. Node does not call it for a host that is an address: the caller must
 * check that with the guard.
 * @param resolve @default getaddrinfo, in its order
 */
export function guardedLookup(
  guard: AddressGuard,
  resolve: Resolve = resolveBySystem,
): LookupFunction {
  return (hostname, options, callback) => {
    const fail = (error: unknown): void => callback(error as NodeJS.ErrnoException, "");
    const give = (found: readonly LookupAddress[]): void => {
      const wanted = [...found].filter(({ family }) => isWanted(family, options.family));
      const allowed = guard.isAllowedHost(hostname)
        ? wanted
        : wanted.filter(({ address }) => guard.isAllowedAddress(address));
      const [first] = allowed;
      if (first === undefined) fail(new AddressRefused("the host has no allowed address"));
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    };
    resolve(hostname).then(give, fail);
  };
}

async function resolveBySystem(hostname: string): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { all: true, order: "verbatim" });
}

function isWanted(family: number, wanted: number | string | undefined): boolean {
  return (
    wanted === undefined || wanted === 0 || String(wanted).replace("IPv", "") === String(family)
  );
}
