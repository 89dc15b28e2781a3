-- Both ends of every measurement: the target behind the proxies, and the load in front of them.
--
--   luajit traffic.lua target CONTENT
--       serves until stdin ends; prints "port N". What it does is the first byte that a connection sends:
--         F  sends the file CONTENT over and over until the client closes     R  sends 512 bytes and closes
--         I  sends one byte and holds the connection
--   luajit traffic.lua streams PROTOCOL PORT TARGET COUNT WARM_MS MEASURE_MS
--   luajit traffic.lua connections PROTOCOL PORT TARGET COUNT WARM_MS MEASURE_MS
--   luajit traffic.lua idle PROTOCOL PORT TARGET COUNT
--       PROTOCOL is direct, socks5 or http; "user password" is the first line of stdin. streams and connections print
--       "begin" when the measured time starts and "end DONE FAILED NANOSECONDS" when it is over (DONE: bytes, or
--       requests), both end with stdin; idle prints "open COUNT" and holds the tunnels until stdin ends.
--
-- In LuaJIT because the machine's cores are shared with the proxy under test: system calls through the FFI cost what
-- they cost in C, without compiled code in the repository. The target sends from the page cache (sendfile) and the load
-- throws away unread (MSG_TRUNC, tcp(7)), so that nearly all copying that is left is the proxy's own.

local ffi = require("ffi")
local bit = require("bit")
local C = ffi.C

-- The kernel packs epoll_event on x86-64 alone (epoll_ctl(2)).
ffi.cdef("typedef struct " .. (ffi.arch == "x64" and "__attribute__((packed))" or "") .. [[
  { uint32_t events; uint64_t fd; } epoll_event;
  typedef struct { uint16_t family; uint16_t port; uint8_t address[4]; uint8_t zero[8]; } sockaddr_in;
  typedef struct { int64_t sec; int64_t nsec; } timespec;
  int socket(int domain, int type, int protocol);
  int bind(int fd, const sockaddr_in *address, uint32_t length);
  int listen(int fd, int backlog);
  int accept4(int fd, void *address, void *length, int flags);
  int connect(int fd, const sockaddr_in *address, uint32_t length);
  int getsockname(int fd, sockaddr_in *address, uint32_t *length);
  int open(const char *path, int flags);
  int64_t recv(int fd, void *buffer, size_t length, int flags);
  int64_t send(int fd, const void *buffer, size_t length, int flags);
  int64_t read(int fd, void *buffer, size_t length);
  int64_t sendfile(int out, int from, int64_t *offset, size_t count);
  int64_t lseek(int fd, int64_t offset, int whence);
  int epoll_create1(int flags);
  int epoll_ctl(int epoll, int operation, int fd, epoll_event *event);
  int epoll_wait(int epoll, epoll_event *events, int count, int timeout);
  int clock_gettime(int clock, timespec *time);
  int close(int fd);
  intptr_t signal(int number, intptr_t handler);
]])

local AF_INET, SOCK_STREAM, SOCK_NONBLOCK = 2, 1, 0x800
local MSG_TRUNC, MSG_DONTWAIT, MSG_NOSIGNAL = 0x20, 0x40, 0x4000
local EPOLL_ADD, EPOLL_MOD, EPOLLIN, EPOLLOUT = 1, 3, 0x1, 0x4
local EAGAIN = 11
local EVENTS = 256

local buffer = ffi.new("uint8_t[?]", 65536)
local events = ffi.new("epoll_event[?]", EVENTS)
local time = ffi.new("timespec")
local epoll = C.epoll_create1(0)
io.stdout:setvbuf("no")
C.signal(13, 1) -- SIGPIPE (sendfile has no MSG_NOSIGNAL): ignored

local function nanoseconds()
  C.clock_gettime(1, time)
  return tonumber(time.sec) * 1e9 + tonumber(time.nsec)
end

local function loopback(port)
  local address = ffi.new("sockaddr_in")
  address.family = AF_INET
  address.port = bit.bor(bit.lshift(bit.band(port, 0xff), 8), bit.rshift(port, 8))
  address.address[0], address.address[3] = 127, 1
  return address
end

local event = ffi.new("epoll_event")
local function watch(operation, fd, mask)
  event.events, event.fd = mask, fd
  C.epoll_ctl(epoll, operation, fd, event)
end

local function check(result, what)
  if result < 0 then error(what .. ": errno " .. ffi.errno()) end
  return result
end

-- The target ---------------------------------------------------------------------------------------------------------

local function target(content)
  local file = check(C.open(content, 0), "open")
  local size = tonumber(C.lseek(file, 0, 2))
  local offset = ffi.new("int64_t[1]")
  local offsets = {} -- of the connections that are being flooded: how far into the file
  local reply = string.rep("r", 512)

  local listener = check(C.socket(AF_INET, bit.bor(SOCK_STREAM, SOCK_NONBLOCK), 0), "socket")
  local address, length = loopback(0), ffi.new("uint32_t[1]", 16)
  check(C.bind(listener, address, 16), "bind")
  check(C.listen(listener, 4096), "listen")
  check(C.getsockname(listener, address, length), "getsockname")
  print("port " .. bit.bor(bit.lshift(bit.band(address.port, 0xff), 8), bit.rshift(address.port, 8)))

  local function flood(fd)
    for _ = 1, 8 do
      offset[0] = offsets[fd]
      local sent = tonumber(C.sendfile(fd, file, offset, size - offsets[fd]))
      if sent < 0 then
        if ffi.errno() ~= EAGAIN then
          offsets[fd] = nil
          C.close(fd)
        end
        return
      end
      offsets[fd] = tonumber(offset[0]) % size
    end
  end

  local function receive(fd)
    local got = tonumber(C.recv(fd, buffer, 65536, MSG_DONTWAIT))
    if got < 0 and ffi.errno() == EAGAIN then return end
    local command = got > 0 and buffer[0]
    if command == 70 then -- F
      offsets[fd] = 0
      watch(EPOLL_MOD, fd, EPOLLOUT)
      flood(fd)
    elseif command == 73 then -- I
      C.send(fd, reply, 1, MSG_NOSIGNAL)
    else
      if command == 82 then C.send(fd, reply, 512, MSG_NOSIGNAL) end -- R
      C.close(fd)
    end
  end

  watch(EPOLL_ADD, listener, EPOLLIN)
  watch(EPOLL_ADD, 0, EPOLLIN)
  while true do
    for index = 0, C.epoll_wait(epoll, events, EVENTS, -1) - 1 do
      local fd = tonumber(events[index].fd)
      if fd == 0 then
        if C.read(0, buffer, 65536) <= 0 then return end
      elseif fd == listener then
        local accepted = C.accept4(listener, nil, nil, SOCK_NONBLOCK)
        while accepted >= 0 do
          watch(EPOLL_ADD, accepted, EPOLLIN)
          accepted = C.accept4(listener, nil, nil, SOCK_NONBLOCK)
        end
      elseif offsets[fd] then
        flood(fd)
      else
        receive(fd)
      end
    end
  end
end

-- The load -----------------------------------------------------------------------------------------------------------

-- A handshake is a list of steps: the bytes to send, then what the answer must look like. An answer is judged by a
-- function of its bytes so far: true (go on), false (refused), nil (more is to come).

local function exactly(bytes)
  return function(answer)
    if #answer < #bytes then return nil end
    return answer == bytes
  end
end

-- RFC 1928 section 6: VER REP RSV ATYP BND.ADDR BND.PORT
local function socksReply(answer)
  if #answer < 5 then return nil end
  local lengths = { [1] = 10, [4] = 22 }
  local length = lengths[answer:byte(4)] or 7 + answer:byte(5)
  if answer:byte(2) ~= 0 then return false end
  if #answer < length then return nil end
  return #answer == length
end

local function httpReply(answer)
  if not answer:find("\r\n\r\n", 1, true) then return nil end
  return answer:find("^HTTP/1%.[01] 200") ~= nil
end

local function base64(text)
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local out = {}
  for index = 1, #text, 3 do
    local a, b, c = text:byte(index, index + 2)
    local word = a * 65536 + (b or 0) * 256 + (c or 0)
    for position = 0, 3 do
      local value = math.floor(word / 64 ^ (3 - position)) % 64
      local filler = (position == 2 and not b) or (position == 3 and not c)
      out[#out + 1] = filler and "=" or alphabet:sub(value + 1, value + 1)
    end
  end
  return table.concat(out)
end

local function handshake(protocol, targetPort, user, password)
  if protocol == "direct" then return {} end
  if protocol == "http" then
    local host = "127.0.0.1:" .. targetPort
    local lines = { "CONNECT " .. host .. " HTTP/1.1", "Host: " .. host }
    lines[3] = "Proxy-Authorization: Basic " .. base64(user .. ":" .. password)
    return { { bytes = table.concat(lines, "\r\n") .. "\r\n\r\n", judge = httpReply } }
  end
  return {
    { bytes = "\5\1\2", judge = exactly("\5\2") },
    { bytes = "\1" .. string.char(#user) .. user .. string.char(#password) .. password, judge = exactly("\1\0") },
    {
      bytes = "\5\1\0\1\127\0\0\1" .. string.char(math.floor(targetPort / 256), targetPort % 256),
      judge = socksReply,
    },
  }
end

local function load(mode, protocol, port, targetPort, count, warmMs, measureMs)
  local user, password = io.read("*l"):match("^(%S*) (%S*)$")
  local steps = handshake(protocol, targetPort, user, password)
  local address = loopback(port)
  local command = ({ streams = "F", connections = "R", idle = "I" })[mode]
  local request = command .. string.rep("q", 63)
  -- By file descriptor: the step it is in (#steps + 1: in the tunnel), and what has come in it so far: the answer's
  -- bytes, in the tunnel only their number.
  local step, answers = {}, {}
  local done, failed, opened = 0, 0, 0

  local function advance(fd)
    step[fd] = step[fd] + 1
    local tunnel = step[fd] > #steps
    answers[fd] = tunnel and 0 or ""
    local bytes = tunnel and request or steps[step[fd]].bytes
    C.send(fd, bytes, #bytes, MSG_NOSIGNAL)
  end

  local function open()
    -- Blocking: on loopback connect(2) returns as soon as the listener's queue has taken the connection.
    local fd = check(C.socket(AF_INET, SOCK_STREAM, 0), "socket")
    step[fd] = 0
    if C.connect(fd, address, 16) < 0 then error("connect: errno " .. ffi.errno()) end
    watch(EPOLL_ADD, fd, EPOLLIN)
    advance(fd)
  end

  local function fail(fd)
    failed = failed + 1
    C.close(fd)
    if mode ~= "connections" or failed > 1000 then error("a tunnel ended or was refused") end
    open()
  end

  local function receive(fd)
    local tunnel = step[fd] > #steps
    if tunnel and mode == "streams" then
      local got = tonumber(C.recv(fd, nil, 16777216, bit.bor(MSG_TRUNC, MSG_DONTWAIT)))
      if got > 0 then done = done + got elseif got == 0 or ffi.errno() ~= EAGAIN then fail(fd) end
      return
    end
    local got = tonumber(C.recv(fd, buffer, 65536, MSG_DONTWAIT))
    if got < 0 and ffi.errno() == EAGAIN then return end
    if tunnel and mode == "connections" then
      if got > 0 then
        answers[fd] = answers[fd] + got
      elseif got == 0 and answers[fd] == 512 then
        done = done + 1
        C.close(fd)
        open()
      else
        fail(fd)
      end
    elseif got <= 0 then
      fail(fd)
    elseif tunnel then
      opened = opened + 1
    else
      answers[fd] = answers[fd] .. ffi.string(buffer, got)
      local verdict = steps[step[fd]].judge(answers[fd])
      if verdict == false then return fail(fd) end
      if verdict then advance(fd) end
    end
  end

  local function turn(timeoutMs)
    for index = 0, C.epoll_wait(epoll, events, EVENTS, timeoutMs) - 1 do
      local fd = tonumber(events[index].fd)
      if fd ~= 0 then
        receive(fd)
      elseif C.read(0, buffer, 65536) <= 0 then
        os.exit(0)
      end
    end
  end

  watch(EPOLL_ADD, 0, EPOLLIN)
  if mode == "idle" then
    for index = 1, count do
      open()
      while opened < index do turn(1000) end
    end
    print("open " .. opened)
    while true do turn(-1) end
  end

  for _ = 1, count do open() end
  local begin = nanoseconds() + warmMs * 1e6
  while nanoseconds() < begin do turn(10) end
  done, failed, begin = 0, 0, nanoseconds()
  print("begin")
  local finish = begin + measureMs * 1e6
  while nanoseconds() < finish do turn(10) end
  print(string.format("end %d %d %d", done, failed, nanoseconds() - begin))
  repeat until C.read(0, buffer, 65536) <= 0 -- so that what this process has used can still be read
  os.exit(0)
end

if arg[1] == "target" then
  target(arg[2])
else
  load(arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6]), tonumber(arg[7]))
end
