using System.Diagnostics;
using DimIlgpu.Model.Training;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class FullDiskTests
{
    [Fact]
    public async Task A_full_disk_is_told_in_one_line_and_harms_no_earlier_file()
    {
        using TemporaryFolder folder = new();
        string disk = Directory.CreateDirectory(folder.File("disk")).FullName;
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk) == 0,
            "No small file system could be mounted here, so none could be filled.");
        try
        {
            string run = Path.Combine(disk, "run");
            Assert.Equal(0, (await Cli.TrainAsync(run, 1)).Code);
            string checkpoint = RunFolder.Open(run).LatestCheckpoint!;
            byte[] bytes = await File.ReadAllBytesAsync(checkpoint, TestContext.Current.CancellationToken);
            Fill(disk);

            string second = (await Cli.TrainAsync(Path.Combine(disk, "second"), 1)).Mistake(code: 1);
            Assert.Contains(disk, second, StringComparison.Ordinal);
            string drawn = (await Cli.RunAsync(
                ["sample", "--checkpoint", run, "--count", "1", "--steps", "2", "--out", Path.Combine(disk, "drawn")])).Mistake(code: 1);
            Assert.Contains(disk, drawn, StringComparison.Ordinal);
            Assert.Equal(bytes, await File.ReadAllBytesAsync(checkpoint, TestContext.Current.CancellationToken));
        }
        finally
        {
            Assert.Equal(0, Run("umount", disk));
        }
    }

    private static void Fill(string disk)
    {
        using FileStream stream = new(Path.Combine(disk, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] page = new byte[4096];
        try
        {
            while (true)
            {
                stream.Write(page);
            }
        }
        catch (IOException)
        {
            // Full, as it should be.
        }
    }

    private static int Run(string program, params string[] args)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
