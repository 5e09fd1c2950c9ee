/** Floor (a): the request and the answer pass natively; nothing is decided, nothing is read. */
export default {
  fetch: (request, env) => fetch(env.UPSTREAM + new URL(request.url).pathname, request),
};
