using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>The packages, as a stranger uses them.</summary>
public sealed class PackageTests
{
    private const string AppProject = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <Nullable>enable</Nullable>
            <ImplicitUsings>enable</ImplicitUsings>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="DimIlgpu.Model" Version="[VERSION]" />
            <PackageReference Include="DimIlgpu.Imaging" Version="[VERSION]" />
          </ItemGroup>
        </Project>
        """;

    // Merges with the configuration of the user and the machine.
    private const string AppSources = """
        <configuration>
          <packageSources>
            <add key="local" value="../packages" />
          </packageSources>
        </configuration>
        """;

    private const string AppProgram = """
        using DimIlgpu.Imaging;
        using DimIlgpu.Kernels;
        using DimIlgpu.Model;
        using DimIlgpu.Model.Data;
        using DimIlgpu.Model.Diffusion;
        using DimIlgpu.Model.Training;

        ShapesDataSet data = new(new() { TrainCount = 90, HeldOutCount = 9 });
        RunConfig config = new()
        {
            Data = data.Name,
            Classes = data.Classes,
            Model = new()
            {
                Sample = data.Shape, Patch = 4, Width = 16, Depth = 1, States = 4, Classes = data.Classes.Count, LearnsVariance = false,
            },
            Diffusion = new() { Objective = ObjectiveKind.Flow },
            Training = new() { Steps = 2, BatchSize = 2 },
        };
        RunFolder folder = RunFolder.Create("run", config);
        using (Device device = Device.Open("cpu"))
        using (Trainer trainer = Trainer.Open(folder, data, device))
        {
            await trainer.RunAsync();
        }

        await using DimPipeline pipeline = DimPipeline.Load("run", "cpu");
        IReadOnlyList<GeneratedSample> samples = await pipeline.GenerateAsync(new() { Sampling = new() { Steps = 2 } });
        using MemoryStream png = new();
        SkiaImageCodec.EncodePng(samples.Single().Frames[0], png);
        Console.WriteLine(pipeline.Step == 2 && png.Length > 0 ? "ok" : "not ok");
        """;

    private static readonly string[] Libraries = ["DimIlgpu.Kernels", "DimIlgpu.Autograd", "DimIlgpu.Model", "DimIlgpu.Imaging"];

    [Fact, Trait("Category", "Slow")]
    public async Task An_app_trains_and_generates_with_the_packages_alone()
    {
        using TemporaryFolder folder = new();
        string packages = folder.File("packages"), app = folder.File("app"), root = RepositoryRoot();

        // Never used before, so the machine's cache of packages cannot hold another build of it.
        string version = string.Create(CultureInfo.InvariantCulture, $"0.1.0-test.{DateTime.UtcNow.Ticks}");
        string configuration = typeof(PackageTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        try
        {
            foreach (string library in Libraries)
            {
                // Without a build: this test was built with all of them, and others may be running from the same folders.
                await Dotnet(root, "pack", $"src/{library}", "-c", configuration, "--no-build", "-o", packages, $"-p:Version={version}");
                Assert.True(File.Exists(Path.Combine(packages, $"{library}.{version}.nupkg")), $"{library} was not packed.");
                Assert.True(File.Exists(Path.Combine(packages, $"{library}.{version}.snupkg")), $"{library} has no symbols.");
            }

            Directory.CreateDirectory(app);
            await File.WriteAllTextAsync(Path.Combine(app, "App.csproj"), AppProject.Replace("VERSION", version, StringComparison.Ordinal));
            await File.WriteAllTextAsync(Path.Combine(app, "NuGet.config"), AppSources);
            await File.WriteAllTextAsync(Path.Combine(app, "Program.cs"), AppProgram);
            await Dotnet(app, "build", "-c", "Release", "-o", "out");
            Assert.Equal("ok", (await Dotnet(app, "out/App.dll")).Trim());
        }
        finally
        {
            await Forget(version);
        }
    }

    /// <summary>Removes a version from the packages that this machine shares between projects.</summary>
    private static async Task Forget(string version)
    {
        string answer = await Dotnet(Path.GetTempPath(), "nuget", "locals", "global-packages", "--list", "--force-english-output");
        string shared = answer[(answer.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        foreach (string library in Libraries)
        {
            string package = Path.Combine(shared, library.ToLowerInvariant());
            if (Directory.Exists(Path.Combine(package, version)))
            {
                Directory.Delete(Path.Combine(package, version), recursive: true);
                if (!Directory.EnumerateFileSystemEntries(package).Any())
                {
                    Directory.Delete(package);
                }
            }
        }
    }

    private static async Task<string> Dotnet(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Servers that outlive the command would keep its output open.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource late = new(TimeSpan.FromMinutes(5));
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        string text = await output;
        string said = text + await errors;
        Assert.True(!late.IsCancellationRequested, $"dotnet {string.Join(' ', arguments)} took too long:\n{said}");
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)} failed with {process.ExitCode}:\n{said}");
        return text;
    }

    private static string RepositoryRoot([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
