-- A script of wrk, one thread. Arguments: bodies, captured, from, pattern, prefix; `-` for absent.
--   bodies    file with one body a line; each is sent once, as a form, and the run counts as cut short without any left
--   captured  file that takes what `pattern` finds in the `from` (`body` or `location`) of each answer
--   prefix    makes a further body of it
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function given(arg)
  if arg ~= '-' then return arg end
end

function init(args)
  local bodies, captured, from, pattern, prefix = given(args[1]), given(args[2]), args[3], args[4], given(args[5])
  exhausted = false
  local queue, next_body = {}, 1
  if bodies then
    for line in io.lines(bodies) do queue[#queue + 1] = line end
    wrk.method = 'POST'
    wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'
    function request()
      local body = queue[next_body]
      if body then
        queue[next_body] = false
        next_body = next_body + 1
      else
        exhausted = true
        wrk.thread:stop()
      end
      return wrk.format(nil, nil, nil, body or '')
    end
  end
  if captured then
    local out = assert(io.open(captured, 'w'))
    out:setvbuf('line')
    function response(status, headers, body)
      local found = string.match(from == 'body' and body or headers['location'] or '', pattern)
      if not found then return end
      out:write(found, '\n')
      if prefix then queue[#queue + 1] = prefix .. found end
    end
  end
end

function done(summary, latency)
  local exhausted = false
  for _, thread in ipairs(threads) do exhausted = exhausted or thread:get('exhausted') end
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d, "exhausted": %s}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout, tostring(exhausted)))
end
