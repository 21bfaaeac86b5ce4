#include "fault_vfs.h"

#include <sqlite3.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace weir::storage {

struct FaultVfs::Shared {
  sqlite3_vfs vfs{};  // SQLite's view of us; its pAppData is this
  sqlite3_vfs* real = nullptr;
  Fault fault = Fault::DiskFull;
  bool armed = false;
  bool lasting = false;
  bool struck = false;
  bool stopped = false;
  bool remembers = false;
  std::uint64_t left = 0;
  // By path, what is safe from a loss of power.
  std::map<std::string, std::string> synced;

  bool strikes(Fault kind) {
    if (!armed || kind != fault) return false;
    if (struck) return lasting;
    if (left-- > 0) return false;
    struck = true;
    return true;
  }
};

namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

// SQLite makes room for one of these and, behind it, for the real file.
struct OpenFile {
  sqlite3_file base;
  FaultVfs::Shared* shared;
  const char* path;  // SQLite keeps it while the file is open
  sqlite3_file* real;
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
const sqlite3_io_methods& real_of(sqlite3_file* file) { return *of(file).real->pMethods; }

int close_file(sqlite3_file* file) { return real_of(file).xClose(of(file).real); }

int read_file(sqlite3_file* file, void* to, int bytes, sqlite3_int64 at) {
  if (of(file).shared->strikes(Fault::ReadFails)) return SQLITE_IOERR_READ;
  return real_of(file).xRead(of(file).real, to, bytes, at);
}

int write_file(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 at) {
  FaultVfs::Shared& shared = *of(file).shared;
  if (shared.strikes(Fault::DiskFull)) {
    // A full disk often takes a part.
    if (bytes > 1 && !shared.stopped) {
      real_of(file).xWrite(of(file).real, from, bytes / 2, at);
    }
    return SQLITE_FULL;
  }
  if (shared.strikes(Fault::WriteFails)) return SQLITE_IOERR_WRITE;
  if (shared.stopped) return SQLITE_OK;
  return real_of(file).xWrite(of(file).real, from, bytes, at);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 bytes) {
  FaultVfs::Shared& shared = *of(file).shared;
  if (shared.strikes(Fault::WriteFails)) return SQLITE_IOERR_TRUNCATE;
  return shared.stopped ? SQLITE_OK : real_of(file).xTruncate(of(file).real, bytes);
}

// The real sync would tell the disk; the tests only need to know.
int sync_file(sqlite3_file* file, int) {
  FaultVfs::Shared& shared = *of(file).shared;
  if (shared.strikes(Fault::SyncFails)) return SQLITE_IOERR_FSYNC;
  if (shared.remembers && !shared.stopped) {
    shared.synced[of(file).path] = content_of(of(file).path);
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* bytes) {
  return real_of(file).xFileSize(of(file).real, bytes);
}
int lock_file(sqlite3_file* file, int level) { return real_of(file).xLock(of(file).real, level); }
int unlock_file(sqlite3_file* file, int level) {
  return real_of(file).xUnlock(of(file).real, level);
}
int check_lock(sqlite3_file* file, int* out) {
  return real_of(file).xCheckReservedLock(of(file).real, out);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  return real_of(file).xFileControl(of(file).real, what, argument);
}
int sector_size(sqlite3_file* file) { return real_of(file).xSectorSize(of(file).real); }
// No promises of the device: SQLite must do all that it does on the worst one.
int characteristics(sqlite3_file*) { return 0; }

// Version 1: no shared memory. A log then works in exclusive mode only, which is what the stores
// promise to use.
constexpr sqlite3_io_methods kMethods = {
    1,         close_file,  read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_lock, control_file, sector_size,   characteristics, nullptr,
    nullptr,   nullptr,     nullptr,    nullptr,      nullptr};

FaultVfs::Shared& shared_of(sqlite3_vfs* vfs) {
  return *static_cast<FaultVfs::Shared*>(vfs->pAppData);
}

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
  FaultVfs::Shared& shared = shared_of(vfs);
  auto* room = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(OpenFile));
  *reinterpret_cast<OpenFile*>(file) = {{nullptr}, &shared, path, room};
  room->pMethods = nullptr;
  const int result = shared.real->xOpen(shared.real, path, room, flags, out);
  if (room->pMethods != nullptr) file->pMethods = &kMethods;
  return result;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync) {
  FaultVfs::Shared& shared = shared_of(vfs);
  if (shared.stopped) return SQLITE_OK;
  shared.synced.erase(path);
  return shared.real->xDelete(shared.real, path, sync);
}

int access_file(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  sqlite3_vfs* real = shared_of(vfs).real;
  return real->xAccess(real, path, flags, out);
}
int full_path(sqlite3_vfs* vfs, const char* path, int bytes, char* out) {
  sqlite3_vfs* real = shared_of(vfs).real;
  return real->xFullPathname(real, path, bytes, out);
}
int randomness(sqlite3_vfs* vfs, int bytes, char* out) {
  sqlite3_vfs* real = shared_of(vfs).real;
  return real->xRandomness(real, bytes, out);
}
int pause(sqlite3_vfs*, int microseconds) { return microseconds; }
int current_time(sqlite3_vfs* vfs, double* out) {
  sqlite3_vfs* real = shared_of(vfs).real;
  return real->xCurrentTime(real, out);
}
int last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

FaultVfs::FaultVfs() : shared_(std::make_unique<Shared>()) {
  shared_->real = sqlite3_vfs_find(nullptr);
  sqlite3_vfs& vfs = shared_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = static_cast<int>(sizeof(OpenFile)) + shared_->real->szOsFile;
  vfs.mxPathname = shared_->real->mxPathname;
  vfs.zName = "weir-test-faults";
  vfs.pAppData = shared_.get();
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = randomness;
  vfs.xSleep = pause;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = last_error;
  sqlite3_vfs_register(&vfs, 1);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&shared_->vfs);
  sqlite3_vfs_register(shared_->real, 1);
}

void FaultVfs::fail_at(Fault fault, std::uint64_t call, bool lasting) {
  shared_->fault = fault;
  shared_->left = call;
  shared_->lasting = lasting;
  shared_->struck = false;
  shared_->armed = true;
}

void FaultVfs::heal() { shared_->armed = false; }

bool FaultVfs::has_struck() const noexcept { return shared_->struck; }

void FaultVfs::remember_syncs() { shared_->remembers = true; }

void FaultVfs::stop_writing() { shared_->stopped = true; }

void FaultVfs::lose_power() {
  for (const auto& [path, content] : shared_->synced) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  shared_->stopped = false;
}

}  // namespace weir::storage
