// The URL at which other nodes and clients reach a consumer without --advertise: the address that
// it listens on or, if it listens on all, the first one that is not local to the machine.
import { networkInterfaces } from "node:os";

export function advertisedUrl(
  host: string,
  node: { readonly port: number; readonly url: string },
): string {
  if (host !== "0.0.0.0" && host !== "::") return node.url;
  const outside = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4");
  const [scheme = "ws:"] = node.url.split("//", 1);
  return outside === undefined ? node.url : `${scheme}//${outside.address}:${node.port}`;
}
