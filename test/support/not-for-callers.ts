/** Nothing of what stands between us and a backend may be seen by a caller, nor a backend's own words about its troubles. */
export const NOT_FOR_CALLERS =
  /<!doctype|<html|<head|cloudflare|elsewhere\.invalid|simulated engine|secret-token|sk-abc|127\.0\.0\.1|error code: 1033/i;
