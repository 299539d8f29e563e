/* The program that the launcher starts: CPython, embedded, with modules from one file (boot.py). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <nss.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "frozen.h"
#include "handover.h"
#include "keeper/words.h"

#define LOADER_OPTIONS 3 /* words between the loader's name and ours */
#define FAILED_EXIT 70   /* EX_SOFTWARE of sysexits.h */

/* What the launcher handed over. */
static struct {
    char *root;
    char *program;
    const char *modules; /* the file's content */
    size_t modules_size;
    char *environment; /* as it arrived, where it lies */
    size_t environment_size;
    int is_pipe_ignored, is_file_size_ignored;
} handed;

/* Moves strings to `target`, one behind the other, each without its first `skipped` bytes. Returns
 * the end. */
static char *move_strings(char **strings, char *target, size_t skipped)
{
    for (; *strings != NULL; strings++) {
        const char *source = *strings + skipped;
        size_t length = strlen(source) + 1;
        memmove(target, source, length);
        *strings = target;
        target += length;
    }
    return target;
}

static char *end_of_strings(char **strings)
{
    while (strings[1] != NULL)
        strings++;
    return *strings + strlen(*strings) + 1;
}

/* Makes the environment, and what /proc shows of it, what the runner gave. */
static void restore_environment(char **environment)
{
    if (*environment == NULL || **environment != HIDING)
        return;
    char *end = end_of_strings(environment);
    char *new_end = move_strings(environment, *environment, 1);
    memset(new_end, 0, (size_t)(end - new_end));
    handed.environment = *environment;
    handed.environment_size = (size_t)(new_end - *environment);
}

/* Makes the command line that /proc shows what the runner gave. */
static void restore_command_line(char **arguments)
{
    char *target = arguments[0];
    for (int i = 0; i < LOADER_OPTIONS; i++)
        for (target--; target[-1] != '\0';)
            target--;
    char *end = end_of_strings(arguments);
    char *new_end = move_strings(arguments + HANDED_WORDS, target, 0);
    memset(new_end, 0, (size_t)(end - new_end));
}

static int open_modules(const char *root)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" MODULES_FILE, root);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Returns the modules' descriptor, and closes the libraries', which are loaded. */
static int take_descriptors(char *list)
{
    int modules = (int)strtol(list, &list, 10);
    while (*list == ',')
        close((int)strtol(list + 1, &list, 10));
    return modules;
}

/* Maps the modules, so that no descriptor is held, and no deleted cache is missed. */
static void map_modules(int descriptor)
{
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        return;
    handed.modules_size = (size_t)status.st_size;
    void *content = mmap(NULL, handed.modules_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (content != MAP_FAILED)
        handed.modules = content;
    close(descriptor);
}

static int is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void take_over(char **arguments)
{
    handed.root = strdup(arguments[HANDED_ROOT]);
    handed.program = strdup(arguments[HANDED_PROGRAM]);
    map_modules(*handed.root != '\0' ? open_modules(handed.root)
                                     : take_descriptors(arguments[HANDED_DESCRIPTORS]));
    handed.is_pipe_ignored = is_ignored(SIGPIPE);
    handed.is_file_size_ignored = is_ignored(SIGXFSZ);
    restore_command_line(arguments);
    prctl(PR_SET_NAME, base_name(handed.program), 0, 0, 0);
    /* No library of the container's is ever loaded for a name. */
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    __nss_configure_lookup("hosts", "files dns");
}

/* The module `_holdfast`: what the launcher handed over. */
static struct PyModuleDef holdfast_definition = {PyModuleDef_HEAD_INIT, .m_name = "_holdfast"};

static PyObject *make_holdfast(void)
{
    PyObject *module = PyModule_Create(&holdfast_definition);
    if (module == NULL)
        return NULL;
    PyObject *root = PyUnicode_DecodeFSDefault(handed.root);
    PyObject *program = PyUnicode_DecodeFSDefault(handed.program);
    PyObject *modules = PyMemoryView_FromMemory(
        (char *)handed.modules, (Py_ssize_t)handed.modules_size, PyBUF_READ);
    static char none[1];
    PyObject *environment = PyMemoryView_FromMemory(
        handed.environment != NULL ? handed.environment : none,
        (Py_ssize_t)handed.environment_size, PyBUF_WRITE);
    PyObject *ignored = PySet_New(NULL);
    PyObject *numbers[] = {PyLong_FromLong(SIGPIPE), PyLong_FromLong(SIGXFSZ)};
    int failed = root == NULL || program == NULL || modules == NULL || environment == NULL ||
                 ignored == NULL || numbers[0] == NULL || numbers[1] == NULL ||
                 PyModule_AddObjectRef(module, "root", root) < 0 ||
                 PyModule_AddObjectRef(module, "program", program) < 0 ||
                 PyModule_AddObjectRef(module, "ignored", ignored) < 0 ||
                 PyModule_AddObjectRef(module, "modules", modules) < 0 ||
                 PyModule_AddObjectRef(module, "environment", environment) < 0 ||
                 (handed.is_pipe_ignored && PySet_Add(ignored, numbers[0]) < 0) ||
                 (handed.is_file_size_ignored && PySet_Add(ignored, numbers[1]) < 0);
    Py_XDECREF(root);
    Py_XDECREF(program);
    Py_XDECREF(modules);
    Py_XDECREF(environment);
    Py_XDECREF(ignored);
    Py_XDECREF(numbers[0]);
    Py_XDECREF(numbers[1]);
    if (failed)
        Py_CLEAR(module);
    return module;
}

static void insist(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void set_string(PyConfig *config, wchar_t **field, const char *value)
{
    insist(PyConfig_SetBytesString(config, field, value));
}

/* Starts the interpreter; nothing of the container has a part in it. */
static void initialize(int count, char **arguments)
{
    PyPreConfig early;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1;
    insist(Py_PreInitialize(&early));

    PyImport_FrozenModules = FROZEN;
    PyImport_AppendInittab("_holdfast", make_holdfast);

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.parse_argv = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 1;
    config.pathconfig_warnings = 0;
    config.module_search_paths_set = 1; /* to none */
    set_string(&config, &config.program_name, handed.program);
    set_string(&config, &config.executable, handed.program);
    set_string(&config, &config.base_executable, handed.program);
    set_string(&config, &config.prefix, handed.program);
    set_string(&config, &config.exec_prefix, handed.program);
    set_string(&config, &config.base_prefix, handed.program);
    set_string(&config, &config.base_exec_prefix, handed.program);
    set_string(&config, &config.stdlib_dir, handed.program);
    insist(PyConfig_SetBytesArgv(&config, count, arguments));
    insist(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

static int run_agent(void)
{
    PyObject *boot = PyImport_ImportModule("_boot");
    PyObject *result = boot != NULL ? PyObject_CallMethod(boot, "run", NULL) : NULL;
    int code = FAILED_EXIT;
    if (result != NULL)
        code = (int)PyLong_AsLong(result);
    else
        PyErr_Print(); /* does what SystemExit says */
    Py_XDECREF(result);
    Py_XDECREF(boot);
    return code;
}

int main(int count, char **arguments)
{
    if (count < HANDED_WORDS)
        return FAILED_EXIT;
    restore_environment(environ);
    take_over(arguments);
    if (handed.modules == NULL) {
        fprintf(stderr, "agent: cannot start: its modules are gone: %s\n", strerror(errno));
        return FAILED_EXIT;
    }
    arguments += HANDED_WORDS - 1;
    arguments[0] = handed.program;
    initialize(count - HANDED_WORDS + 1, arguments);
    int code = run_agent();
    return Py_FinalizeEx() < 0 ? FAILED_EXIT : code;
}
