// The scripts, in a project folder of their own: what they would build, install or download is made up.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <catch.hpp>

#include "program.hpp"

namespace {

/// Runs a command with bash.
/// @param command  the command line
/// @param folder  where its outputs go; its folder `bin` precedes PATH
Run shell(const std::string& command, const TemporaryFolder& folder)
{
    put(folder / "command", "PATH=" + (folder / "bin").string() + ":$PATH\n" + command + "\n");
    const std::string files = " >" + (folder / "out").string() + " 2>" + (folder / "error").string() + " </dev/null";
    const int status = std::system(("bash " + (folder / "command").string() + files).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents_of(folder / "out"), contents_of(folder / "error")};
}

/// Writes a program of bash.
void put_program(const std::filesystem::path& path, const std::string& text)
{
    std::filesystem::create_directories(path.parent_path());
    put(path, "#!/usr/bin/env bash\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

/// Copies a script of the project to the same place in the folder's project.
std::filesystem::path put_script(const TemporaryFolder& folder, const std::string& name)
{
    const std::filesystem::path path = folder / ("project/" + name);
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::copy(project(name), path);
    return path;
}

}  // namespace

TEST_CASE("progress of a build: a line for each tenth, in place on a terminal; messages are printed, nothing to do is not")
{
    const TemporaryFolder folder;
    const std::string show = "source " + project("scripts/common.sh") + "; progress <" + (folder / "ninja").string();
    put(folder / "ninja",
        "[0/2] Re-checking globbed directories...\n[1/20] A\n[2/20] B\nb.cpp:1: warning: w\n[3/20] C\n[20/20] D\n");
    CHECK(shell(show, folder).out == "  2 of 20\nb.cpp:1: warning: w\n  20 of 20\n");
    put(folder / "ninja", "[1/3] A\n[2/3] B\nerror: e\n[3/3] C\n");
    CHECK(shell("script -qec \"bash -c '" + show + "'\" /dev/null", folder).out ==
          "\r  1 of 3\r  2 of 3\r        \rerror: e\r\n\r  3 of 3\r        \r");
    put(folder / "ninja", "[0/2] Re-checking globbed directories...\nninja: no work to do.\n");
    CHECK(shell(show, folder).out.empty());
}

TEST_CASE("scripts/run shows how far it is, and says what it shows")
{
    const TemporaryFolder folder;
    const std::string script = put_script(folder, "scripts/run");
    put_script(folder, "scripts/common.sh");
    std::filesystem::create_directories(folder / "project/build/release");
    std::filesystem::create_symlink(BERT_PROGRAM, folder / "project/build/release/bert");
    for (const char* name : {"examples", "reference_outputs"})
        std::filesystem::create_directory_symlink(project(name), folder / ("project/" + std::string(name)));
    put_program(folder / "bin/dpkg-query", "echo installed");
    put_program(folder / "bin/cmake", "[[ $1 != --build ]] || printf '[%s/2] X\\n' 1 2");

    const Run first = shell(script, folder);
    INFO(first.out << first.error);
    CHECK(first.status == 0);
    CHECK(first.error.empty());
    CHECK(first.out.find("\n  2 of 2\n") != std::string::npos);
    CHECK((first.out.find("weights are random") != std::string::npos) == !program::default_model_is_trained);
    CHECK(first.out.find("\n  id: number of the token in the vocabulary; from, to: ") != std::string::npos);
    CHECK(first.out.find("\nText to a vector: the mean of the vectors of all these tokens after the last layer\n") !=
          std::string::npos);
    CHECK(first.out.find(" worst error: the largest difference") != std::string::npos);
    CHECK(first.out.find("default_model (float, fast)\n") != std::string::npos);

    put_program(folder / "bin/cmake", "[[ $1 != --build ]] || echo 'ninja: no work to do.'");
    const Run second = shell(script, folder);
    CHECK(second.status == 0);
    CHECK(second.out.find("ninja") == std::string::npos);

    put_program(folder / "bin/cmake", "[[ $1 != --build ]] || { echo '[1/2] X'; echo 'x.cpp:1: error: e'; exit 1; }");
    const Run failed = shell(script, folder);
    CHECK(failed.status == 1);
    CHECK(failed.out.ends_with("\nx.cpp:1: error: e\n"));
}

TEST_CASE("an environment that reference_outputs/environment hasn't made stays as it is")
{
    const TemporaryFolder folder;
    if (std::system("/usr/bin/python3 -c 'import venv' 2>/dev/null") != 0) {
        std::puts("SKIPPED: an environment made by others: /usr/bin/python3 has no module venv");
        return;
    }
    const std::string venv = folder / "venv", requirements = folder / "requirements.txt";
    const std::string make = "BERT_VENV=" + venv + " " + project("reference_outputs/environment") + " " + requirements;
    put(requirements, "# pins\nno-such-package==1.5\nold-package==2.0\n");
    const std::string packages = "$(echo " + venv + "/lib/python3*/site-packages)";
    REQUIRE(shell("/usr/bin/python3 -m venv --without-pip " + venv + "\nmkdir " + packages + "/old_package-1.0.dist-info\n" +
                      "printf 'Metadata-Version: 2.1\\nName: old-package\\nVersion: 1.0+local\\n' >" + packages +
                      "/old_package-1.0.dist-info/METADATA",
                  folder)
                .status == 0);

    const Run lacking = shell(make, folder);
    CHECK(lacking.status == 2);
    CHECK(lacking.out.empty());
    CHECK(lacking.error ==
          "environment: " + venv +
              ": expected no-such-package==1.5, old-package==2.0 (has 1.0); this script hasn't made what is there and leaves it "
              "as it is: install this yourself, or let BERT_VENV name a new folder\n");
    CHECK_FALSE(std::filesystem::exists(venv + "/made_by_environment"));

    put(requirements, "old-package==1.0\n");
    const Run complete = shell(make, folder);
    CHECK(complete.status == 0);
    CHECK(complete.out == venv + "/bin/python\n");
    CHECK(complete.error.empty());

    // Another folder, too; BERT_VENV may be relative.
    std::filesystem::remove_all(venv + "/bin");
    const Run other =
        shell("cd " + folder.path().string() + "; BERT_VENV=venv " + project("reference_outputs/environment"), folder);
    CHECK(other.status == 2);
    CHECK(other.error.starts_with("environment: " + venv + ": expected a virtual environment; "));
    CHECK_FALSE(std::filesystem::exists(venv + "/bin"));
}

TEST_CASE("reference_outputs/environment makes an environment, with what Debian keeps apart, and completes its own")
{
    // A python that has venv once python3-venv is installed, and whose environments have the packages once pip has run.
    const TemporaryFolder folder;
    const std::string home = folder.path().string(), venv = folder / "venv";
    put_program(folder / "pip_python",
                "case \"$*\" in\n"
                "  -\\ *) cat >/dev/null; [[ -e " +
                    home +
                    "/complete ]] || echo torch==2.15.0 ;;\n"
                    "  '-m pip --version') ;;\n"
                    "  '-m pip install '*) echo pip >>" +
                    home + "/calls; touch " + home +
                    "/complete ;;\n"
                    "esac\n");
    put_program(folder / "python3",
                "case \"$*\" in\n"
                "  -c\\ *) [[ -e " +
                    home +
                    "/has_venv ]] ;;\n"
                    "  -m\\ venv\\ *) echo venv >>" +
                    home + "/calls; mkdir $3/bin; cp " + home +
                    "/pip_python $3/bin/python ;;\n"
                    "esac\n");
    put_program(folder / "bin/dpkg-query", "echo not-installed");
    put_program(folder / "bin/apt-get", "[[ $* != *' install '*python3-venv* ]] || touch " + home + "/has_venv\n");
    put_program(folder / "bin/sudo", "[[ $1 != -n ]] || shift\n\"$@\"\n");
    put_script(folder, "scripts/common.sh");
    const std::filesystem::path script = put_script(folder, "reference_outputs/environment");
    std::string text = contents_of(script);
    const std::string system_python = "/usr/bin/python3";
    for (std::size_t place = text.find(system_python); place != std::string::npos; place = text.find(system_python))
        text.replace(place, system_python.size(), home + "/python3");
    put(script, text);
    put(folder / "project/reference_outputs/requirements.txt", "torch==2.15.0\n");

    const std::string make = "BERT_VENV=" + venv + " " + script.string();
    const Run made = shell(make, folder);
    INFO(made.error);
    CHECK(made.status == 0);
    CHECK(made.out == venv + "/bin/python\n");
    CHECK(made.error.find("Installing python3-venv\n") != std::string::npos);
    CHECK(contents_of(folder / "calls") == "venv\npip\n");
    CHECK(std::filesystem::exists(venv + "/made_by_environment"));

    CHECK(shell(make, folder).error.empty());  // complete: nothing is done
    CHECK(contents_of(folder / "calls") == "venv\npip\n");

    std::filesystem::remove(folder / "complete");
    CHECK(shell(make, folder).status == 0);  // its own: only what is missing is installed
    CHECK(contents_of(folder / "calls") == "venv\npip\npip\n");

    // At the default place, whatever is there is its own.
    std::filesystem::remove(folder / "complete");
    std::filesystem::create_directories(folder / "project/build/venv");
    put(folder / "project/build/venv/pyvenv.cfg", "");
    const Run by_default = shell(script, folder);
    CHECK(by_default.status == 0);
    CHECK(by_default.out.ends_with("/build/venv/bin/python\n"));
}
